"""Whose cart, whose orders: the owner behind a request of the API."""

from typing import NoReturn

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from distributors.links.reopening import VISITOR_COOKIE
from distributors.links.rules import VISITOR_KEY
from orders.checkout.cart import CartOwner, merge_carts
from shop.accounts.models import User
from shop.base.errors import Invalid


def visitor_key(request: Request) -> str:
    """Return the visitor key the client sent, "" when it sent none.

    The middleware makes a new key for whoever has none; one that the client does not know of is of no
    use to it. Raises ``Invalid`` for a key that is none.
    """
    key = request.headers.get("X-Visitor-Key") or request.COOKIES.get(VISITOR_COOKIE, "")
    if key and not VISITOR_KEY.fullmatch(key):
        _refuse_key()
    return str(key)


def cart_owner(request: Request, *, is_looking: bool = False) -> CartOwner:
    """Return the owner of the request's cart: the person, or the visitor while she is nobody yet.

    What she put in as a visitor comes along at her first request after sign-in. Raises ``Invalid`` for
    a visitor who wants to keep something and has no key.
    """
    key = visitor_key(request)
    if isinstance(request.user, User):
        if key:
            merge_carts(visitor_key=key, user=request.user, now=timezone.now())
        return CartOwner(user=request.user)
    if not key and not is_looking:
        _refuse_key()
    return CartOwner(visitor_key=key)


def _refuse_key() -> NoReturn:
    raise Invalid(
        _("Send an X-Visitor-Key of 16 to 64 letters and digits, made once per device, or sign in."),
        field="X-Visitor-Key",
    )
