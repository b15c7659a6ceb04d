"""A customer's refunds and returns."""

from dataclasses import dataclass
from datetime import datetime
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
from orders.aftersales.wording import Explained, explain, explain_case
from orders.flow import aftersale as flow
from orders.flow.proposals import propose
from orders.lifecycle import queries as lifecycle
from orders.lifecycle.models import OrderLine
from orders.web.forms import AfterSaleForm, SayForm, SendBackForm
from orders.web.order_page import CASE_WORDS, kinds_for, line_facts
from orders.web.uploads import chosen_pictures
from shop.base.errors import DomainError, NotFound
from shop.media.models import Picture
from shop.media.rules import Photo
from shop.media.serving import private_picture
from shop.states.machine import subject_of
from shop.states.models import StateChange
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


@dataclass(frozen=True)
class Said:
    """One entry of a case's thread: somebody's words and photos, or (without an author) what happened."""

    author: str
    name: str
    text: str
    at: datetime
    photos: tuple[Photo, ...] = ()
    # Why words or photos are no longer here; "" while they are.
    removal_note: str = ""


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
    form = AfterSaleForm(request.POST if sent else None, kinds=kinds, initial=first)
    pictures = chosen_pictures(request, form, Picture.Purpose.EVIDENCE)
    # Without script a second button works the amount out and sends nothing.
    if sent and "work_out" not in request.POST and form.is_valid():
        facts = {name: form.cleaned_data[name] for name in ("kind", "reason", "quantity", "text")}
        try:
            case = flow.open_aftersale(
                user=request.user, order_number=number, line=line, pictures=pictures, now=timezone.now(), **facts
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
        "kept": pictures,
        "account": _account(order_line, form["quantity"].value(), form["reason"].value()),
    }
    return render(request, "storefront/after_sale_new.html", context)


@require_safe
@customer_only
def after_sale_amount(request: CustomerRequest, number: str, line: int) -> HttpResponse:
    """What so many pieces would give back, and why: a piece of the page above."""
    account = _account(_line_of(request, number, line), request.GET.get("quantity"), request.GET.get("reason"))
    return render(request, "storefront/parts/account.html", {"account": account})


def _account(line: OrderLine, quantity: Any, reason: Any) -> list[Explained]:
    """Return the account of a wish; of everything that is left where the wish makes no sense yet."""
    left = line.quantity - line.refunded_quantity
    asked = int(quantity) if str(quantity).isdigit() and len(str(quantity)) < 5 else left
    why = reason if reason in AfterSale.Reason.values else AfterSale.Reason.NO_REASON
    return explain(propose(line, quantity=min(max(asked, 1), left) if left else 0, reason=str(why)))


def _thread(case: AfterSale) -> dict[str, Any]:
    """Return the conversation and what happened between, oldest first; whether a photo is still being drawn."""
    said = [
        Said(
            author=row.author,
            name=row.get_author_display(),
            text=row.text,
            at=row.at,
            photos=tuple(_photo(case, photo.picture) for photo in row.photos.all()),
            removal_note=row.removal_note,
        )
        for row in aftersales.thread_of(case)
    ]
    moves = StateChange.objects.filter(subject=subject_of(case)).order_by("at", "pk")
    steps = [Said("", "", str(CASE_WORDS[move.target][0]), move.at) for move in moves if move.target in CASE_WORDS]
    entries = sorted([Said("", "", _("You asked for it"), case.opened_at), *said, *steps], key=lambda entry: entry.at)
    return {
        "case": case,
        "entries": entries,
        "is_drawing": any(not photo.url for entry in said for photo in entry.photos),
    }


def _photo(case: AfterSale, picture: Picture) -> Photo:
    """Return a private photo by the addresses only this case's customer may open."""
    url = reverse("after-sale-picture", args=[case.number, picture.number]) if picture.file else ""
    return Photo(url, f"{url}?size=small" if url else "", picture.width, picture.height)


def _page(request: CustomerRequest, case: AfterSale, form: SendBackForm, say_form: SayForm) -> HttpResponse:
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
        "account": explain_case(case),
        "can_withdraw": case.state in WITHDRAWABLE and not case.refund_number,
        "can_escalate": case.state == AfterSaleState.REJECTED and can_escalate,
        "can_say": case.state in OPEN_STATES,
        "can_send_back": case.state == AfterSaleState.AGREED and is_return,
        "return_address": case.supplier_order.supplier.return_address or case.supplier_order.supplier.name,
    }
    context = {"section": "orders", "case": case, "page": page, "form": form, "say_form": say_form}
    status = 200 if not say_form.errors else 422
    return render(request, "storefront/after_sale.html", context | _thread(case), status=status)


@require_safe
@customer_only
def after_sale(request: CustomerRequest, number: str) -> HttpResponse:
    """One case: where it stands, what was said, whose turn it is."""
    return _page(request, aftersales.case_of(request.user, number), SendBackForm(), SayForm())


@require_safe
@customer_only
def thread(request: CustomerRequest, number: str) -> HttpResponse:
    """The conversation alone, for a page that waits for its photos."""
    return render(request, "storefront/parts/thread.html", _thread(aftersales.case_of(request.user, number)))


@require_safe
@customer_only
def picture(request: CustomerRequest, number: str, picture: str) -> HttpResponse:
    """A photo of one's own case; nobody else's page leads here, and no cache keeps it."""
    found = aftersales.picture_of_case(aftersales.case_of(request.user, number), picture)
    return private_picture(found, is_small=request.GET.get("size") == "small")


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
    """Add words and photos to the conversation."""
    case = aftersales.case_of(request.user, number)
    form = SayForm(request.POST)
    pictures = chosen_pictures(request, form, Picture.Purpose.EVIDENCE)
    if not form.is_valid():
        return _page(request, case, SendBackForm(), form)
    try:
        flow.say(
            aftersale=case,
            author=Evidence.Author.CUSTOMER,
            text=form.cleaned_data["text"],
            pictures=pictures,
            now=timezone.now(),
        )
    except DomainError as error:
        return tell_refusal(request, error, reverse("after-sale", args=[number]))
    return redirect(reverse("after-sale", args=[number]) + "#said")


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
    return _page(request, case, form, SayForm())
