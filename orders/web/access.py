"""Whose cart a request speaks of."""

from django.http import HttpRequest

from orders.checkout.cart import CartOwner
from shop.accounts.models import User


def cart_owner(request: HttpRequest) -> CartOwner:
    """Return the owner of the request's cart: the person, or the visitor while she is nobody yet."""
    if isinstance(request.user, User):
        return CartOwner(user=request.user)
    return CartOwner(visitor_key=visitor_key(request))


def visitor_key(request: HttpRequest) -> str:
    """Return the random key of the browser's cookie, "" when it has none."""
    return str(getattr(request, "visitor_key", "") or "")
