"""Coupon codes as customers meet them: the page behind a code, and entering one."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from distributors.codes import actions
from distributors.codes.queries import code_named
from distributors.links.rules import is_machine
from shop.accounts.models import User
from shop.base.callers import address_of
from shop.base.errors import DomainError, NotFound
from shop.coupons.actions import claim
from shop.coupons.queries import coupon_by_code
from shop.web.access import CustomerRequest, customer_only, safe_next, sign_in_url, tell_refusal
from shop.web.coupon_cards import centre_cards


def _visitor_key(request: HttpRequest) -> str:
    return str(getattr(request, "visitor_key", ""))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def page(request: HttpRequest, code: str) -> HttpResponse:
    """What a code gives, and by whom. Who opens it has been touched by that store, as by a link."""
    try:
        found = code_named(code)
    except NotFound as error:
        return render(request, "storefront/code.html", {"refusal": str(error)}, status=404)
    user = request.user if isinstance(request.user, User) else None
    if request.method == "POST":
        return enter(request)
    if request.method == "GET" and not is_machine(request.headers.get("User-Agent", "")):
        here = address_of(request)
        actions.note_code(code=found, visitor_key=_visitor_key(request), user=user, now=timezone.now(), address=here)
    (card,) = centre_cards([found.coupon], {})
    place = "" if user else sign_in_url(request)
    context = {"code": found, "store": found.store, "card": card, "sign_in_url": place}
    return render(request, "storefront/code.html", context)


@require_POST
@customer_only
def enter(request: CustomerRequest) -> HttpResponse:
    """Take the coupon a code stands for: a distributor's, which makes her the seller, or the platform's own word."""
    text = request.POST.get("code", "")[:32]
    back = safe_next(request, reverse("my-coupons"))
    now = timezone.now()
    try:
        found = code_named(text)
    except NotFound as error:
        return _own_word(request, text, error, back)
    try:
        entered = actions.enter_code(code=found, user=request.user, visitor_key=_visitor_key(request), now=now)
    except DomainError as error:
        return tell_refusal(request, error, back)
    if entered.piece is None:
        messages.info(request, _("You have used this code already."))
    else:
        messages.success(request, _("The coupon “%(name)s” is yours.") % {"name": found.coupon.name})
    return redirect(back)


def _own_word(request: CustomerRequest, text: str, unknown: NotFound, back: str) -> HttpResponse:
    try:
        coupon = coupon_by_code(text)
    except NotFound:
        return tell_refusal(request, unknown, back)
    try:
        claim(coupon=coupon, user=request.user, now=timezone.now())
    except DomainError as error:
        return tell_refusal(request, error, back)
    messages.success(request, _("The coupon “%(name)s” is yours.") % {"name": coupon.name})
    return redirect(back)
