"""Staff: distributors and their stores, from the application to the end."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from distributors.stores import actions
from distributors.stores.models import Distributor, Listing, ListingPrice, Store
from distributors.stores.states import DistributorState
from shop.accounts.rules import mask_name
from shop.base.backoffice import Act, Acting, ReadOnly, ReasonForm, staff_actor, yuan
from shop.privacy.admin import showing
from shop.privacy.rules import mask_tail


def _approve(request: HttpRequest, row: Distributor, data: dict[str, Any]) -> None:
    actions.approve(distributor=row, actor=staff_actor(request), now=timezone.now())


def _reject(request: HttpRequest, row: Distributor, data: dict[str, Any]) -> None:
    actions.reject(distributor=row, actor=staff_actor(request), now=timezone.now(), **data)


def _suspend(request: HttpRequest, row: Distributor, data: dict[str, Any]) -> None:
    actions.suspend(distributor=row, actor=staff_actor(request), now=timezone.now(), **data)


def _reinstate(request: HttpRequest, row: Distributor, data: dict[str, Any]) -> None:
    actions.reinstate(distributor=row, actor=staff_actor(request), now=timezone.now())


def _ban(request: HttpRequest, row: Distributor, data: dict[str, Any]) -> None:
    actions.ban(distributor=row, actor=staff_actor(request), now=timezone.now(), **data)


class StoreInline(ReadOnly, TabularInline):
    model = Store
    fields = ("name", "code", "announcement", "created_at")
    readonly_fields = fields
    extra = 0


MAY_CHANGE = "stores.change_distributor"


@admin.register(Distributor)
class DistributorAdmin(ReadOnly, Acting, ModelAdmin):
    list_display = ("store_name", "person", "state", "grade", "applied_at", "approved_at")
    list_filter = ("state", "grade")
    search_fields = ("number", "store__name", "store__code", "user__name", "user__phone__exact")
    search_help_text = _("Number, name, code of the store, or the whole phone")
    list_select_related = ("store", "user")
    ordering = ("-pk",)
    show_full_result_count = False
    inlines = (StoreInline,)
    fields = (
        "number",
        "state",
        "person",
        "masked_name",
        "masked_identity",
        "grade",
        "introduction",
        "referrer_code",
        "applied_at",
        "approved_at",
        "ended_at",
    )
    readonly_fields = fields
    acts = (
        showing(
            {
                _("Real name"): lambda row: row.real_name,
                _("Identity card number"): lambda row: row.identity_number,
                _("Phone"): lambda row: row.user.phone,
            },
            subject=lambda row: f"distributor:{row.number}",
        ),
        Act(
            "approve",
            _("Approve"),
            _approve,
            offered=lambda row: row.state == DistributorState.APPLIED,
            explain=_("Her store opens. Joining is free; nobody earns anything by it."),
            permission=MAY_CHANGE,
        ),
        Act(
            "reject",
            _("Decline"),
            _reject,
            ReasonForm,
            is_dangerous=True,
            offered=lambda row: row.state == DistributorState.APPLIED,
            permission=MAY_CHANGE,
        ),
        Act(
            "suspend",
            _("Suspend"),
            _suspend,
            ReasonForm,
            is_dangerous=True,
            offered=lambda row: row.state == DistributorState.ACTIVE,
            explain=_("New sales are not credited to her any more; what she earned is paid as before."),
            permission=MAY_CHANGE,
        ),
        Act(
            "reinstate",
            _("Reinstate"),
            _reinstate,
            offered=lambda row: row.state == DistributorState.SUSPENDED,
            permission=MAY_CHANGE,
        ),
        Act(
            "ban",
            _("Ban"),
            _ban,
            ReasonForm,
            is_dangerous=True,
            offered=lambda row: row.state in (DistributorState.ACTIVE, DistributorState.SUSPENDED),
            explain=_("For good. Her money is paid only after somebody has looked at it."),
            permission=MAY_CHANGE,
        ),
    )

    @admin.display(description=_("store"), ordering="store__name")
    def store_name(self, row: Distributor) -> str:
        return row.store.name

    @admin.display(description=_("person"))
    def person(self, row: Distributor) -> str:
        return f"{row.user} {row.user.masked_phone}"

    @admin.display(description=_("real name"))
    def masked_name(self, row: Distributor) -> str:
        return mask_name(row.real_name)

    @admin.display(description=_("identity card number"))
    def masked_identity(self, row: Distributor) -> str:
        return mask_tail(row.identity_number)


class ListingInline(ReadOnly, TabularInline):
    model = Listing
    fields = ("product", "title", "reason", "position")
    readonly_fields = fields
    extra = 0


@admin.register(Store)
class StoreAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "code", "state", "created_at")
    list_filter = ("distributor__state",)
    search_fields = ("name", "code")
    list_select_related = ("distributor",)
    ordering = ("-pk",)
    show_full_result_count = False
    inlines = (ListingInline,)
    fields = ("name", "code", "distributor", "announcement", "portrait", "created_at")
    readonly_fields = fields

    @admin.display(description=_("state"), ordering="distributor__state")
    def state(self, row: Store) -> str:
        return row.distributor.get_state_display()


@admin.register(ListingPrice)
class ListingPriceAdmin(ReadOnly, ModelAdmin):
    list_display = ("listing", "sku", yuan("retail_fen", _("own price")))
    search_fields = ("listing__store__name", "listing__product__title")
    list_select_related = ("listing__product", "listing__store", "sku")
    ordering = ("-pk",)
    show_full_result_count = False
    fields = ("listing", "sku", yuan("retail_fen", _("own price")))
    readonly_fields = fields
