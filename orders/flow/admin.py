"""Staff: orders, payments, refunds, disputes."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from distributors.payouts.models import PayoutHold
from orders.aftersales.models import AfterSale, Evidence
from orders.aftersales.rules import LineFacts, refundable_fen
from orders.aftersales.states import AfterSaleState
from orders.flow import aftersale as cases
from orders.flow import payment, reversal
from orders.flow.case_desk import CaseDesk, MessageForm, kept_photos
from orders.flow.forgotten import forgotten_refunds_of
from orders.flow.release import release_payouts
from orders.flow.restoring import replace_refund
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.lifecycle.states import OrderState
from orders.payments import refunds
from orders.payments.models import GatewayNotice, Payment, Refund
from orders.payments.states import PaymentState, RefundState
from shop.accounts.rules import mask_name, mask_phone
from shop.base.backoffice import Act, ActForm, Acting, ReadOnly, ReasonForm, staff_actor, yuan
from shop.base.errors import Invalid, NotFound
from shop.base.money import format_yuan
from shop.ledger.queries import order_money_map
from shop.privacy.admin import showing

GOODS = yuan("goods_fen", _("goods"))
DISCOUNT = yuan("discount_fen", _("discount"))
FREIGHT = yuan("freight_fen", _("freight"))
PAYABLE = yuan("payable_fen", _("payable"))
REFUNDED = yuan("refunded_fen", _("refunded"))
PAID = yuan("paid_fen", _("paid"))
SUPPLIER_PART = yuan("supplier_fen", _("supplier"))
SUBSIDY = yuan("subsidy_fen", _("platform's coupons"))
LEVEL_1 = yuan("level1_fen", _("level 1"))
LEVEL_2 = yuan("level2_fen", _("level 2"))
AMOUNT = yuan("amount_fen", _("amount"))
RECIPIENT = {
    _("Recipient"): lambda row: row.recipient_name,
    _("Phone"): lambda row: row.recipient_phone,
    _("Place"): lambda row: row.region_names,
    _("Street and house"): lambda row: row.address_detail,
}


class DecisionForm(ActForm):
    is_agreed = forms.TypedChoiceField(
        label=_("Decision"),
        choices=[("yes", _("for the customer")), ("no", _("for the supplier"))],
        coerce=lambda value: value == "yes",
    )
    text = forms.CharField(label=_("Why"), max_length=500, widget=forms.Textarea(attrs={"rows": 3}))


class RefundForm(ActForm):
    line = forms.IntegerField(label=_("Line"), min_value=1)
    pieces = forms.IntegerField(label=_("Pieces"), min_value=1, help_text=_("The money of these pieces goes back."))
    reason = forms.CharField(label=_("Reason"), max_length=120)
    is_returned = forms.BooleanField(label=_("The goods came back into stock"), required=False)


class ReplacementForm(ActForm):
    by = forms.CharField(
        label=_("Number under which the channel paid it"),
        max_length=32,
        help_text=_("As the comparison of the books lists it: “moved there under a number we do not know”."),
    )
    reason = forms.CharField(label=_("Reason"), max_length=120, widget=forms.Textarea(attrs={"rows": 3}))


def _refund(request: HttpRequest, row: Order, data: dict[str, Any]) -> None:
    line = OrderLine.objects.filter(order=row, line=data["line"]).first()
    if line is None:
        raise NotFound(_("The order has no such line."), field="line")
    facts = LineFacts(
        quantity=line.quantity,
        paid_fen=line.paid_fen,
        refunded_quantity=line.refunded_quantity,
        refunded_fen=line.refunded_fen,
    )
    if data["pieces"] > facts.left_quantity:
        raise Invalid(
            _("Only %(left)d pieces of this line are left.") % {"left": facts.left_quantity},
            field="pieces",
        )
    reversal.refund(
        order_number=row.number,
        lines={line.line: (data["pieces"], refundable_fen(facts, data["pieces"]))},
        freight_fen=0,
        cause=Refund.Cause.STAFF,
        restock=data["is_returned"],
        actor=staff_actor(request),
        reason=data["reason"],
        now=timezone.now(),
    )


def _cancel(request: HttpRequest, row: Order, data: dict[str, Any]) -> None:
    reversal.cancel_order(order=row, actor=staff_actor(request), now=timezone.now(), **data)


def _query(request: HttpRequest, row: Payment, data: dict[str, Any]) -> None:
    payment.query_payment(number=row.number, now=timezone.now())


def _send_again(request: HttpRequest, row: Refund, data: dict[str, Any]) -> None:
    refunds.send_again(number=row.number, actor=staff_actor(request), now=timezone.now())


def _replace(request: HttpRequest, row: Refund, data: dict[str, Any]) -> None:
    replace_refund(number=row.number, actor=staff_actor(request), now=timezone.now(), **data)


def _what_voiding_means(row: Refund) -> str:
    found = [f"{one.number} ¥{format_yuan(one.theirs_fen or 0)}" for one in forgotten_refunds_of(row.payment)]
    paragraphs = [
        _("This one: ¥%(amount)s.") % {"amount": format_yuan(row.amount_fen)},
        _("The channel alone knows of its payment: %(found)s.") % {"found": ", ".join(found)}
        if found
        else _(
            "The last comparison found nothing of its payment that the channel alone knows: compare the books first."
        ),
        _(
            "For money that the channel gave back already, under a number our books lost, and that was decided again"
            " after a restore. The channel is asked about both numbers first. This refund then becomes void for ever:"
            " it is never sent again, and the other takes its place. No money moves. What the other paid less"
            " gets a number of its own and waits for your decision."
        ),
    ]
    return "\n".join(map(str, paragraphs))


def _the_only_one(row: Refund) -> dict[str, Any]:
    found = forgotten_refunds_of(row.payment).values_list("number", flat=True)
    return {"by": found[0]} if len(found) == 1 else {}


def _release(request: HttpRequest, row: PayoutHold, data: dict[str, Any]) -> None:
    release_payouts(actor=staff_actor(request), now=timezone.now(), **data)


def _decide(request: HttpRequest, row: AfterSale, data: dict[str, Any]) -> None:
    cases.decide(aftersale=row, actor=staff_actor(request), now=timezone.now(), **data)


def _say(request: HttpRequest, row: AfterSale, data: dict[str, Any]) -> None:
    now = timezone.now()
    cases.say(
        aftersale=row,
        author=Evidence.Author.PLATFORM,
        text=data["text"],
        pictures=kept_photos(request, data, now=now),
        now=now,
    )


class PartInline(ReadOnly, TabularInline):
    model = SupplierOrder
    fields = ("number", "supplier", "state", PAYABLE, "shipped_at", "received_at", "completed_at")
    readonly_fields = fields
    extra = 0


class LineInline(ReadOnly, TabularInline):
    model = OrderLine
    fields = (
        "line",
        "title",
        "option_text",
        "quantity",
        PAID,
        SUBSIDY,
        SUPPLIER_PART,
        LEVEL_1,
        LEVEL_2,
        "store",
        "credit_reason",
    )
    readonly_fields = fields
    extra = 0


@admin.register(Order)
class OrderAdmin(ReadOnly, Acting, ModelAdmin):
    list_display = ("number", "state", PAYABLE, "place", "placed_at", "paid_at")
    list_filter = ("state",)
    search_fields = ("number", "supplier_orders__number", "user__phone__exact")
    search_help_text = _("Number, or the whole phone of the customer")
    ordering = ("-pk",)
    show_full_result_count = False
    inlines = (PartInline, LineInline)
    fields = (
        "number",
        "state",
        GOODS,
        DISCOUNT,
        FREIGHT,
        PAYABLE,
        REFUNDED,
        "recipient",
        "place",
        "note",
        "placed_at",
        "expires_at",
        "paid_at",
        "cancelled_at",
        "cancel_reason",
        "completed_at",
        "money_map",
    )
    readonly_fields = fields
    acts = (
        showing(RECIPIENT, subject=lambda row: f"order:{row.number}", label=_("Show the recipient in full")),
        Act(
            "cancel",
            _("Cancel"),
            _cancel,
            ReasonForm,
            is_dangerous=True,
            offered=lambda row: row.state in (OrderState.PLACED, OrderState.PAID),
            explain=_("What was paid goes back; only what nobody has shipped yet can be cancelled."),
            permission="lifecycle.change_order",
        ),
        Act(
            "refund",
            _("Give back pieces"),
            _refund,
            RefundForm,
            is_dangerous=True,
            offered=lambda row: row.state in (OrderState.PAID, OrderState.COMPLETED),
            explain=_("Also after the return window: commissions and the supplier's part are taken back."),
            permission="payments.add_refund",
        ),
    )

    @admin.display(description=_("recipient"))
    def recipient(self, row: Order) -> str:
        return f"{mask_name(row.recipient_name)} {mask_phone(row.recipient_phone)}"

    @admin.display(description=_("place"))
    def place(self, row: Order) -> str:
        return row.region_names

    @admin.display(description=_("Where every fen went"))
    def money_map(self, row: Order) -> str:
        rows = order_money_map(row.number)
        return "\n".join(
            f"{step.journal_kind}: {step.debit} → {step.credit} ¥{format_yuan(step.amount_fen)}" for step in rows
        )


@admin.register(Payment)
class PaymentAdmin(ReadOnly, Acting, ModelAdmin):
    list_display = ("number", "order", "kind", AMOUNT, "state", "is_applied", "started_at")
    list_filter = ("state", "kind", "is_applied")
    search_fields = ("number", "order__number", "transaction_id")
    list_select_related = ("order",)
    ordering = ("-pk",)
    show_full_result_count = False
    exclude = ("client_params", "payer_openid", "prepay_id")
    acts = (
        Act(
            "query",
            _("Ask the channel"),
            _query,
            offered=lambda row: row.state != PaymentState.SUCCEEDED,
            permission="payments.change_payment",
        ),
    )


@admin.register(Refund)
class RefundAdmin(ReadOnly, Acting, ModelAdmin):
    list_display = ("number", "order", "cause", AMOUNT, "state", "requested_at", "fail_reason")
    list_filter = ("state", "cause")
    search_fields = ("number", "order__number")
    list_select_related = ("order",)
    ordering = ("-pk",)
    show_full_result_count = False
    acts = (
        Act(
            "again",
            _("Send again under its number"),
            _send_again,
            offered=lambda row: row.state == RefundState.FAILED,
            permission="payments.change_refund",
        ),
        Act(
            "replace",
            _("Void: paid under another number"),
            _replace,
            ReplacementForm,
            is_dangerous=True,
            offered=lambda row: row.state == RefundState.FAILED,
            explain=_what_voiding_means,
            initial=_the_only_one,
            permission="payments.change_refund",
        ),
    )


@admin.register(GatewayNotice)
class GatewayNoticeAdmin(ReadOnly, ModelAdmin):
    list_display = ("received_at", "kind", "number", "state", "outcome")
    list_filter = ("kind", "outcome")
    search_fields = ("number", "event_id")
    ordering = ("-pk",)
    show_full_result_count = False
    exclude = ("raw",)


@admin.register(PayoutHold)
class PayoutHoldAdmin(ReadOnly, Acting, ModelAdmin):
    list_display = ("placed_at", "cause", "detail", "placed_by", "lifted_at", "lifted_by", "lift_reason")
    list_filter = ("cause",)
    ordering = ("-pk",)
    show_full_result_count = False
    acts = (
        Act(
            "release",
            _("Let payouts go on"),
            _release,
            ReasonForm,
            offered=lambda row: row.lifted_at is None,
            explain=_("Only after a comparison with the channel's book in which no payout differs."),
            permission="payouts.change_payouthold",
        ),
    )


@admin.register(AfterSale)
class AfterSaleAdmin(CaseDesk, ReadOnly, Acting, ModelAdmin):
    list_display = ("number", "order", "state", "kind", "reason", AMOUNT, "deadline_at")
    list_filter = ("state", "kind", "reason")
    search_fields = ("number", "order__number")
    list_select_related = ("order",)
    ordering = ("-pk",)
    show_full_result_count = False
    fields = (
        "number",
        "order",
        "supplier_order",
        "order_line",
        "kind",
        "reason",
        "quantity",
        AMOUNT,
        "state",
        "opened_at",
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
            "decide",
            _("Decide"),
            _decide,
            DecisionForm,
            offered=lambda row: row.state == AfterSaleState.ESCALATED,
            permission="aftersales.change_aftersale",
        ),
        Act(
            "say",
            _("Write"),
            _say,
            MessageForm,
            offered=lambda row: row.closed_at is None,
            explain=_("Customer and supplier both read it."),
            permission="aftersales.change_aftersale",
        ),
    )
