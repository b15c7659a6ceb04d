"""Whose cart, whose orders: the owner behind a request of the API."""

from django.utils import timezone
from rest_framework.request import Request

from orders.checkout.cart import CartOwner, merge_carts
from shop.accounts.models import User


def visitor_key(request: Request) -> str:
    """Return the visitor key the middleware found in the header or cookie, "" when there is none."""
    return str(getattr(request, "visitor_key", "") or "")


def cart_owner(request: Request) -> CartOwner:
    """Return the owner of the request's cart: the person, or the visitor while she is nobody yet.

    What she put in as a visitor comes along at her first request after sign-in.
    """
    if isinstance(request.user, User):
        merge_carts(visitor_key=visitor_key(request), user=request.user, now=timezone.now())
        return CartOwner(user=request.user)
    return CartOwner(visitor_key=visitor_key(request))
