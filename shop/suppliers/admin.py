"""Staff: suppliers, from the application to the end."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminTextInputWidget

from shop.accounts.models import User
from shop.base.backoffice import Act, ActForm, Acting, ReadOnly, ReasonForm, staff_actor
from shop.base.errors import NotFound
from shop.privacy.admin import showing
from shop.privacy.fields import SealedField
from shop.suppliers import actions
from shop.suppliers.models import Qualification, Supplier, SupplierMember
from shop.suppliers.states import SupplierState


class TermsForm(ActForm):
    contract = forms.ChoiceField(label=_("Contract"), choices=Supplier.Contract.choices)
    fee_bp = forms.IntegerField(label=_("Platform fee (bp)"), min_value=0, max_value=10_000)


class MemberForm(ActForm):
    phone = forms.CharField(label=_("Phone of the account"), max_length=20)
    role = forms.ChoiceField(label=_("Role"), choices=SupplierMember.Role.choices)


def _approve(request: HttpRequest, row: Supplier, data: dict[str, Any]) -> None:
    actions.approve(supplier=row, actor=staff_actor(request), at=timezone.now())


def _suspend(request: HttpRequest, row: Supplier, data: dict[str, Any]) -> None:
    actions.suspend(supplier=row, actor=staff_actor(request), at=timezone.now(), **data)


def _reinstate(request: HttpRequest, row: Supplier, data: dict[str, Any]) -> None:
    actions.reinstate(supplier=row, actor=staff_actor(request), at=timezone.now())


def _change_terms(request: HttpRequest, row: Supplier, data: dict[str, Any]) -> None:
    actions.change_terms(supplier=row, **data)


def _add_member(request: HttpRequest, row: Supplier, data: dict[str, Any]) -> None:
    user = User.objects.filter(phone=data["phone"]).first()
    if user is None:
        raise NotFound(_("No account has this phone. The person registers first."), field="phone")
    actions.add_member(supplier=row, user=user, role=data["role"])


class MemberInline(ReadOnly, TabularInline):
    model = SupplierMember
    fields = ("user", "role", "created_at")
    readonly_fields = fields
    extra = 0


class QualificationInline(ReadOnly, TabularInline):
    model = Qualification
    fields = ("kind", "paper_number", "valid_until_date")
    readonly_fields = fields
    extra = 0


@admin.register(Supplier)
class SupplierAdmin(ReadOnly, Acting, ModelAdmin):
    list_display = ("name", "code", "state", "contract", "created_at")
    list_filter = ("state", "contract")
    search_fields = ("name", "code")
    formfield_overrides = {SealedField: {"widget": UnfoldAdminTextInputWidget}}
    inlines = (MemberInline, QualificationInline)
    add_fields = ("name", "code", "contract", "fee_bp", "contact_name", "contact_phone")
    acts = (
        showing(
            {
                _("Contact"): lambda row: row.contact_name,
                _("Contact phone"): lambda row: row.contact_phone,
                _("Return address"): lambda row: row.return_address,
                _("Bank and branch"): lambda row: row.bank_name,
                _("Account holder"): lambda row: row.bank_holder,
                _("Account number"): lambda row: row.bank_account,
            },
            subject=lambda row: f"supplier:{row.code}",
        ),
        Act(
            "approve",
            _("Approve"),
            _approve,
            offered=lambda row: row.state == SupplierState.APPLIED,
            permission="suppliers.change_supplier",
        ),
        Act(
            "suspend",
            _("Suspend"),
            _suspend,
            ReasonForm,
            is_dangerous=True,
            offered=lambda row: row.state == SupplierState.ACTIVE,
            explain=_("Its goods leave the shelves; running orders go on."),
            permission="suppliers.change_supplier",
        ),
        Act(
            "reinstate",
            _("Reinstate"),
            _reinstate,
            offered=lambda row: row.state == SupplierState.SUSPENDED,
            permission="suppliers.change_supplier",
        ),
        Act("terms", _("Change terms"), _change_terms, TermsForm, permission="suppliers.change_supplier"),
        Act("member", _("Add a member"), _add_member, MemberForm, permission="suppliers.change_supplier"),
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        return bool(user.has_perm("suppliers.add_supplier"))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fields(request, obj) if obj else self.add_fields
