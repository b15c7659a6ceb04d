"""A customer's refunds and returns."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from orders.aftersales import queries as aftersales
from orders.aftersales.models import AfterSale, Evidence
from orders.aftersales.rules import needs_return
from orders.aftersales.states import OPEN_STATES, AfterSaleState
from orders.flow import aftersale as flow
from orders.lifecycle import queries as lifecycle
from orders.lifecycle.models import OrderLine
from orders.web.forms import AfterSaleForm, SendBackForm
from orders.web.order_page import CASE_WORDS, kinds_for, line_facts
from shop.base.errors import DomainError, NotFound
from shop.web.access import CustomerRequest, customer_only, is_part, show_refusal, tell_refusal
from shop.web.product_page import more_url
from shop.web.shelf import stored_picture, stretch

WITHDRAWABLE = (AfterSaleState.OPENED, AfterSaleState.AGREED, AfterSaleState.ESCALATED)


@dataclass(frozen=True)
class CaseCard:
    """An after-sale in a list."""

    case: AfterSale
    label: str
    tone: str
    picture: str


@require_safe
@customer_only
def my_after_sales(request: CustomerRequest) -> HttpResponse:
    """All refunds and returns of the customer, newest first."""
    rows = aftersales.cases_of(request.user)
    found, position = stretch(rows, request.GET.get("after", ""))
    cases = [
        CaseCard(case, str(CASE_WORDS[case.state][0]), CASE_WORDS[case.state][1], stored_picture(case.order_line.image))
        for case in found
    ]
    context = {"section": "me", "cases": cases, "more_url": more_url(request, position)}
    part = is_part(request)
    template = "storefront/parts/after_sales.html" if part else "storefront/after_sales.html"
    return render(request, template, context)


def _line_of(request: CustomerRequest, number: str, line: int) -> OrderLine:
    """Return a line of the customer's own order. Raises ``NotFound``."""
    order = lifecycle.order_of(request.user, number)
    found = order.lines.select_related("supplier_order", "product").filter(line=line).first()
    if found is None:
        raise NotFound(_("This order has no such line."))
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@customer_only
def after_sale_new(request: CustomerRequest, number: str, line: int) -> HttpResponse:
    """Ask for a refund or a return of one line."""
    order_line = _line_of(request, number, line)
    kinds = kinds_for(order_line.supplier_order.state)
    left = order_line.quantity - order_line.refunded_quantity
    first = {"quantity": left, "kind": kinds[0][0] if kinds else "", "reason": AfterSale.Reason.NO_REASON}
    sent = request.method == "POST"
    form = AfterSaleForm(request.POST if sent else None, request.FILES if sent else None, kinds=kinds, initial=first)
    if sent and form.is_valid():
        try:
            case = flow.open_aftersale(
                user=request.user, order_number=number, line=line, now=timezone.now(), **form.cleaned_data
            )
        except DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, _("Sent. The supplier has been told."))
            return redirect("after-sale", case.number)
    context = {
        "section": "orders",
        "order": order_line.order,
        "line": line_facts(order_line),
        "form": form,
        "quantity_max": left,
        "refundable_fen": order_line.paid_fen - order_line.refunded_fen,
    }
    return render(request, "storefront/after_sale_new.html", context)


def _page(request: CustomerRequest, case: AfterSale, form: SendBackForm) -> HttpResponse:
    label, tone, note = CASE_WORDS[case.state]
    is_return = needs_return(case.kind)
    if case.state == AfterSaleState.AGREED and not is_return:
        note = _("The refund is on its way.")
    can_escalate = case.deadline_at is not None and case.deadline_at > timezone.now()
    page: dict[str, Any] = {
        "label": str(label),
        "tone": tone,
        "note": str(note),
        "is_open": case.state in OPEN_STATES,
        "picture": stored_picture(case.order_line.image),
        "evidence": list(case.evidence.all()),
        "can_withdraw": case.state in WITHDRAWABLE and not case.refund_number,
        "can_escalate": case.state == AfterSaleState.REJECTED and can_escalate,
        "can_say": case.state in OPEN_STATES,
        "can_send_back": case.state == AfterSaleState.AGREED and is_return,
        "return_address": case.supplier_order.supplier.return_address or case.supplier_order.supplier.name,
    }
    context = {"section": "orders", "case": case, "page": page, "form": form}
    return render(request, "storefront/after_sale.html", context)


@require_safe
@customer_only
def after_sale(request: CustomerRequest, number: str) -> HttpResponse:
    """One case: where it stands, what was said, whose turn it is."""
    return _page(request, aftersales.case_of(request.user, number), SendBackForm())


@require_POST
@customer_only
def withdraw(request: CustomerRequest, number: str) -> HttpResponse:
    """Take a request back."""
    case = aftersales.case_of(request.user, number)
    try:
        flow.withdraw(aftersale=case, actor=f"user:{request.user.number}", now=timezone.now())
    except DomainError as error:
        return tell_refusal(request, error, reverse("after-sale", args=[number]))
    messages.success(request, _("Taken back."))
    return redirect("after-sale", number)


@require_POST
@customer_only
def escalate(request: CustomerRequest, number: str) -> HttpResponse:
    """Ask the platform to decide."""
    case = aftersales.case_of(request.user, number)
    try:
        flow.escalate(
            aftersale=case,
            actor=f"user:{request.user.number}",
            text=request.POST.get("text", "")[:500],
            now=timezone.now(),
        )
    except DomainError as error:
        return tell_refusal(request, error, reverse("after-sale", args=[number]))
    messages.success(request, _("The platform will decide."))
    return redirect("after-sale", number)


@require_POST
@customer_only
def say(request: CustomerRequest, number: str) -> HttpResponse:
    """Add words to the conversation."""
    case = aftersales.case_of(request.user, number)
    try:
        flow.say(
            aftersale=case,
            author=Evidence.Author.CUSTOMER,
            text=request.POST.get("text", "")[:500],
            now=timezone.now(),
        )
    except DomainError as error:
        return tell_refusal(request, error, reverse("after-sale", args=[number]))
    return redirect("after-sale", number)


@require_POST
@customer_only
def send_back(request: CustomerRequest, number: str) -> HttpResponse:
    """Tell how the goods travel back."""
    case = aftersales.case_of(request.user, number)
    form = SendBackForm(request.POST)
    if form.is_valid():
        try:
            flow.send_back(
                aftersale=case,
                actor=f"user:{request.user.number}",
                now=timezone.now(),
                **form.cleaned_data,
            )
        except DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, _("Thank you. The refund starts when it arrives."))
            return redirect("after-sale", number)
    return _page(request, case, form)
