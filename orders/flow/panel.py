"""Supplier panel: the order desk and the after-sales."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.aftersales.models import AfterSale, Evidence
from orders.aftersales.states import AfterSaleState
from orders.flow import aftersale as cases
from orders.flow import delivery, reversal
from orders.flow.case_desk import CaseDesk, MessageForm, kept_photos
from orders.lifecycle.models import OrderLine, SupplierOrder
from orders.lifecycle.queries import late_parts
from orders.lifecycle.states import SupplierOrderState
from orders.shipments.models import Shipment, ShipmentLine, TrackingEvent
from orders.shipments.queries import left_to_ship
from shop.accounts.rules import mask_name, mask_phone
from shop.base.backoffice import Act, ActForm, ReasonForm, yuan
from shop.base.money import format_yuan
from shop.panel.rows import OwnInline, OwnRows, supplier_actor, supplier_person
from shop.panel.site import supplier_site
from shop.privacy.admin import showing
from shop.work.sweep import database_now

AMOUNT = yuan("amount_fen", _("amount"))
SUPPLIER_PART = yuan("supplier_fen", _("your part"))
RECIPIENT = {
    _("Recipient"): lambda row: row.order.recipient_name,
    _("Phone"): lambda row: row.order.recipient_phone,
    _("Place"): lambda row: row.order.region_names,
    _("Street and house"): lambda row: row.order.address_detail,
}
# Before it is sent, and while its carrier may still ask.
NEEDS_ADDRESS = (SupplierOrderState.TO_SHIP, SupplierOrderState.SHIPPED)


class ShipForm(ActForm):
    carrier = forms.CharField(label=_("Carrier"), max_length=40)
    tracking_number = forms.CharField(label=_("Tracking number"), max_length=40)
    pieces = forms.CharField(
        label=_("Pieces in this parcel"),
        max_length=200,
        required=False,
        help_text=_("Empty: everything that is left. Else “line × pieces”: 1x2, 3x1"),
    )

    def clean_pieces(self) -> dict[int, int] | None:
        text: str = self.cleaned_data["pieces"].replace("×", "x").replace("，", ",").strip()
        if not text:
            return None
        try:
            pairs = [part.split("x") for part in text.split(",")]
            return {int(line): int(quantity) for line, quantity in pairs}
        except ValueError as error:
            raise forms.ValidationError(_("Write it like this: 1x2, 3x1")) from error


class TextForm(ActForm):
    text = forms.CharField(label=_("Message"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 3}))


class RefuseForm(ActForm):
    text = forms.CharField(label=_("Why"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


def _ship(request: HttpRequest, row: SupplierOrder, data: dict[str, Any]) -> None:
    delivery.ship(
        supplier_order=row,
        carrier=data["carrier"],
        tracking_number=data["tracking_number"],
        quantities=data["pieces"],
        actor=supplier_actor(request),
        now=database_now(),
    )


def _may_ship(row: SupplierOrder) -> bool:
    is_open = row.state in (SupplierOrderState.TO_SHIP, SupplierOrderState.SHIPPED)
    return is_open and any(left_to_ship(row).values())


def _what_is_left(row: SupplierOrder) -> str:
    """Return the lines that are still to be sent, one below the other, by the numbers the form asks for."""
    left = left_to_ship(row)
    return "\n".join(
        f"{line.line}. {line.title} {line.option_text}".rstrip() + f" × {left[line.line]}"
        for line in row.lines.order_by("line")
        if left.get(line.line)
    )


def _cancel(request: HttpRequest, row: SupplierOrder, data: dict[str, Any]) -> None:
    reversal.cancel_supplier_order(supplier_order=row, actor=supplier_actor(request), now=timezone.now(), **data)


def _agree(request: HttpRequest, row: AfterSale, data: dict[str, Any]) -> None:
    cases.agree(aftersale=row, actor=supplier_actor(request), now=timezone.now(), **data)


def _what_agreeing_means(row: AfterSale) -> str:
    if row.kind == AfterSale.Kind.RETURN_REFUND:
        text = _("The customer sends the goods back; ¥%(amount)s goes back when you have received them.")
    else:
        text = _("¥%(amount)s goes back to the customer at once.")
    return str(text) % {"amount": format_yuan(row.amount_fen)}


def _reject(request: HttpRequest, row: AfterSale, data: dict[str, Any]) -> None:
    cases.reject(aftersale=row, actor=supplier_actor(request), now=timezone.now(), **data)


def _receive_back(request: HttpRequest, row: AfterSale, data: dict[str, Any]) -> None:
    cases.receive_back(aftersale=row, actor=supplier_actor(request), now=timezone.now())


def _say(request: HttpRequest, row: AfterSale, data: dict[str, Any]) -> None:
    now = timezone.now()
    cases.say(
        aftersale=row,
        author=Evidence.Author.SUPPLIER,
        text=data["text"],
        pictures=kept_photos(request, data, now=now),
        now=now,
    )


class LineInline(OwnInline):
    model = OrderLine
    owner_path = "supplier_order__supplier"
    fields = ("line", "title", "option_text", "quantity", "refunded_quantity", SUPPLIER_PART)
    readonly_fields = fields


class ShipmentInline(OwnInline):
    model = Shipment
    owner_path = "supplier_order__supplier"
    fields = ("carrier", "tracking_number", "shipped_at")
    readonly_fields = fields


class LateFilter(admin.SimpleListFilter):
    """What should have been sent by now."""

    title = _("dispatch")
    parameter_name = "late"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("1", _("late"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SupplierOrder]) -> QuerySet[SupplierOrder]:
        return late_parts(queryset, now=timezone.now()) if self.value() == "1" else queryset


@admin.register(SupplierOrder, site=supplier_site)
class OrderDesk(OwnRows):
    list_display = ("number", "state", "send_by", "recipient", "place", "placed_at", "shipped_at")
    list_filter = ("state", LateFilter)
    search_fields = ("number",)
    list_select_related = ("order",)
    ordering = ("-pk",)
    show_full_result_count = False
    fields = (
        "number",
        "state",
        "recipient",
        "phone",
        "place",
        "note",
        "placed_at",
        "send_by",
        "shipped_at",
        "auto_receive_at",
        "received_at",
        "completed_at",
    )
    readonly_fields = fields
    inlines = (LineInline, ShipmentInline)
    acts = (
        showing(
            RECIPIENT,
            subject=lambda row: f"order:{row.order.number}",
            label=_("Show the address to ship to"),
            actor=supplier_person,
            reason="to ship",
            permission="",
            offered=lambda row: row.state in NEEDS_ADDRESS,
        ),
        Act(
            "ship",
            _("Ship a parcel"),
            _ship,
            ShipForm,
            offered=_may_ship,
            explain=_what_is_left,
        ),
        Act(
            "cancel",
            _("Cannot deliver: refund"),
            _cancel,
            ReasonForm,
            is_dangerous=True,
            offered=lambda row: row.state == SupplierOrderState.TO_SHIP,
            explain=_("The customer gets everything of this part back."),
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[SupplierOrder]:
        # What waits for payment is not the supplier's business yet.
        rows: QuerySet[SupplierOrder] = super().get_queryset(request)
        return rows.filter(order__paid_at__isnull=False).select_related("order")

    @admin.display(description=_("to be sent by"), ordering="dispatch_by_at")
    def send_by(self, row: SupplierOrder) -> str:
        if row.dispatch_by_at is None:
            return "-"
        at = timezone.localtime(row.dispatch_by_at).strftime("%Y-%m-%d %H:%M")
        ended = row.shipped_at or (timezone.now() if row.state == SupplierOrderState.TO_SHIP else row.dispatch_by_at)
        return str(_("%(at)s (late)") % {"at": at}) if ended > row.dispatch_by_at else at

    @admin.display(description=_("recipient"))
    def recipient(self, row: SupplierOrder) -> str:
        return mask_name(row.order.recipient_name)

    @admin.display(description=_("phone"))
    def phone(self, row: SupplierOrder) -> str:
        return mask_phone(row.order.recipient_phone)

    @admin.display(description=_("place"))
    def place(self, row: SupplierOrder) -> str:
        return row.order.region_names

    @admin.display(description=_("note"))
    def note(self, row: SupplierOrder) -> str:
        return row.order.note


@admin.register(AfterSale, site=supplier_site)
class AfterSaleDesk(CaseDesk, OwnRows):
    owner_path = "supplier_order__supplier"
    list_display = ("number", "state", "kind", "reason", "quantity", AMOUNT, "deadline_at")
    list_filter = ("state", "kind")
    search_fields = ("number", "supplier_order__number")
    ordering = ("-pk",)
    fields = (
        "number",
        "state",
        "supplier_order",
        "title",
        "kind",
        "reason",
        "quantity",
        AMOUNT,
        "deadline_at",
        "return_carrier",
        "return_tracking_number",
        "refund_number",
        "closed_at",
        "account",
        "thread",
    )
    readonly_fields = fields
    acts = (
        Act(
            "agree",
            _("Agree"),
            _agree,
            TextForm,
            offered=lambda row: row.state == AfterSaleState.OPENED,
            explain=_what_agreeing_means,
        ),
        Act(
            "reject",
            _("Refuse"),
            _reject,
            RefuseForm,
            is_dangerous=True,
            offered=lambda row: row.state == AfterSaleState.OPENED,
        ),
        Act(
            "receive",
            _("Returned goods arrived"),
            _receive_back,
            offered=lambda row: row.state == AfterSaleState.RETURNING,
            explain=_("The money goes back to the customer, the goods into your stock."),
        ),
        Act("say", _("Write"), _say, MessageForm, offered=lambda row: row.closed_at is None),
    )

    @admin.display(description=_("goods"))
    def title(self, row: AfterSale) -> str:
        return f"{row.order_line.title} {row.order_line.option_text}".strip()


class ContentInline(OwnInline):
    model = ShipmentLine
    owner_path = "shipment__supplier_order__supplier"
    fields = ("order_line", "quantity")
    readonly_fields = fields


class TrackingInline(OwnInline):
    model = TrackingEvent
    owner_path = "shipment__supplier_order__supplier"
    fields = ("at", "text")
    readonly_fields = fields


@admin.register(Shipment, site=supplier_site)
class ParcelDesk(OwnRows):
    owner_path = "supplier_order__supplier"
    list_display = ("carrier", "tracking_number", "supplier_order", "shipped_at")
    search_fields = ("tracking_number", "supplier_order__number")
    ordering = ("-pk",)
    fields = ("number", "supplier_order", "carrier", "tracking_number", "shipped_at")
    readonly_fields = fields
    inlines = (ContentInline, TrackingInline)
