"""Whose cart, whose orders: the owner behind a request of the API."""

from rest_framework.request import Request

from orders.checkout.cart import CartOwner
from shop.accounts.models import User


def visitor_key(request: Request) -> str:
    """Return the visitor key the middleware found in the header or cookie, "" when there is none."""
    return str(getattr(request, "visitor_key", "") or "")


def cart_owner(request: Request) -> CartOwner:
    """Return the owner of the request's cart: the person, or the visitor while she is nobody yet."""
    if isinstance(request.user, User):
        return CartOwner(user=request.user)
    return CartOwner(visitor_key=visitor_key(request))
