"""A supplier's own profile."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from shop.base.backoffice import Act, ActForm
from shop.panel.rows import OwnInline, OwnRows
from shop.panel.site import own_supplier, supplier_site
from shop.suppliers import actions
from shop.suppliers.models import DISPATCH_HOURS_USUAL, Qualification, Supplier, SupplierMember


class ProfileForm(ActForm):
    contact_name = forms.CharField(label=_("Contact"), max_length=40, required=False)
    contact_phone = forms.CharField(label=_("Contact phone"), max_length=20, required=False)
    return_address = forms.CharField(label=_("Return address"), max_length=200, required=False)
    about = forms.CharField(label=_("About"), max_length=300, required=False, widget=forms.Textarea(attrs={"rows": 3}))


class BankForm(ActForm):
    bank_name = forms.CharField(label=_("Bank and branch"), max_length=80)
    bank_holder = forms.CharField(label=_("Account holder"), max_length=80)
    bank_account = forms.CharField(
        label=_("Account number"), max_length=40, widget=forms.TextInput(attrs={"inputmode": "numeric"})
    )


class DispatchForm(ActForm):
    hours = forms.TypedChoiceField(
        label=_("Within"),
        coerce=int,
        choices=[(hours, _("%(hours)d hours") % {"hours": hours}) for hours in (24, 48, 72, 120, 168, 360)],
        initial=DISPATCH_HOURS_USUAL,
    )


class QualificationForm(ActForm):
    kind = forms.CharField(label=_("Kind"), max_length=40)
    paper_number = forms.CharField(label=_("Number"), max_length=60)
    valid_until_date = forms.DateField(
        label=_("Valid until"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )


class MemberInline(OwnInline):
    model = SupplierMember
    fields = ("user", "role")
    readonly_fields = fields


class QualificationInline(OwnInline):
    model = Qualification
    fields = ("kind", "paper_number", "valid_until_date")
    readonly_fields = fields


def _change_profile(request: HttpRequest, supplier: Supplier, data: dict[str, Any]) -> None:
    actions.update_profile(supplier=supplier, **{key: text for key, text in data.items() if text})


def _promise_dispatch(request: HttpRequest, supplier: Supplier, data: dict[str, Any]) -> None:
    actions.promise_dispatch(supplier=supplier, **data)


def _save_bank(request: HttpRequest, supplier: Supplier, data: dict[str, Any]) -> None:
    actions.save_bank_account(supplier=supplier, **data)


def _add_paper(request: HttpRequest, supplier: Supplier, data: dict[str, Any]) -> None:
    actions.save_qualification(supplier=supplier, **data)


@admin.register(Supplier, site=supplier_site)
class ProfilePanel(OwnRows):
    owner_path = ""
    list_display = ("name", "code", "state", "contract")
    fields = (
        "name",
        "code",
        "state",
        "contract",
        "contact_name",
        "contact_phone",
        "return_address",
        "about",
        "dispatch_hours",
        "bank",
    )
    readonly_fields = fields
    inlines = (MemberInline, QualificationInline)
    acts = (
        Act(
            "profile",
            _("Change profile"),
            _change_profile,
            ProfileForm,
            explain=_("Fields left empty stay as they are."),
        ),
        Act(
            "dispatch",
            _("Say how fast you send"),
            _promise_dispatch,
            DispatchForm,
            initial=lambda row: {"hours": row.dispatch_hours},
            explain=_(
                "From the payment until the carrier has the parcel. Customers see it; orders paid already keep what was said."
            ),
        ),
        Act(
            "bank",
            _("Set the bank account"),
            _save_bank,
            BankForm,
            explain=_(
                "Where your statements are paid. It is kept encrypted, and shown with its last four digits only."
            ),
        ),
        Act("paper", _("Add or renew a paper"), _add_paper, QualificationForm),
    )

    @admin.display(description=_("bank account"))
    def bank(self, row: Supplier) -> str:
        return row.masked_bank_account

    def get_queryset(self, request: HttpRequest) -> Any:
        # Here the supplier itself is the row.
        supplier = own_supplier(request)
        return Supplier.objects.filter(pk=supplier.pk if supplier else 0)
