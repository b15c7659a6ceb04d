"""Whose store: the owner behind a request of the API."""

from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from distributors.stores.models import Store
from distributors.stores.queries import store_of
from shop.api.auth import caller
from shop.base.errors import NotAllowed


class NoStore(NotAllowed):
    """The caller has no store (yet)."""

    code = "no_store"


def own_store(request: Request) -> Store:
    """Return the caller's store, also when it is suspended or left. Raises :class:`NoStore`."""
    store = store_of(caller(request))
    if store is None:
        raise NoStore(_("You have no store yet. Apply for one first; it is free."))
    return store
