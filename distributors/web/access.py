"""Whose store a page is about: the owner of a store and her desk."""

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Concatenate, ParamSpec, cast

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from distributors.payouts.queries import Balances, balances_of
from distributors.stores.models import Distributor, Store
from distributors.stores.queries import store_of
from distributors.stores.states import DistributorState
from shop.base.errors import NotAllowed
from shop.web.access import CustomerRequest, CustomerView, View, customer_only, is_part

P = ParamSpec("P")


class Desk:
    """What every page of a store's desk may show beside its own content."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @property
    def distributor(self) -> Distributor:
        return self.store.distributor

    @property
    def is_open(self) -> bool:
        """Whether the store may pick, share and be credited with new sales."""
        return self.store.distributor.state == DistributorState.ACTIVE

    @cached_property
    def money(self) -> Balances:
        """What the store has, by the books; one statement, and only on pages that show it."""
        return balances_of(self.store)


class StoreRequest(CustomerRequest):
    """A request of somebody who has a store: ``request.store``, and its ``request.desk``."""

    store: Store
    desk: Desk


StoreView = Callable[Concatenate[StoreRequest, P], HttpResponse]


def store_owner(view: StoreView[P]) -> View[P]:
    """Let only people with a store in; others are shown how to get one.

    A suspended, left or banned store still opens its desk: what was earned stays hers to see.
    """

    @wraps(view)
    def wrapper(request: CustomerRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        store = store_of(request.user)
        if store is None:
            return _without_store(request)
        owner = cast(StoreRequest, request)
        owner.store = store
        owner.desk = Desk(store)
        return view(owner, *args, **kwargs)

    # The type checker takes a wrapped view for one that needs its first argument by name.
    return customer_only(cast(CustomerView[P], wrapper))


def _without_store(request: CustomerRequest) -> HttpResponse:
    if request.method in ("GET", "HEAD") and not is_part(request):
        return redirect("dashboard-join")
    if is_part(request):
        raise NotAllowed(_("This is for people with a store. You can open one, it is free."))
    context = {
        "title": _("You have no store yet"),
        "text": _("This is for people with a store. You can open one, it is free."),
    }
    return render(request, "refused.html", context, status=NotAllowed.status)
