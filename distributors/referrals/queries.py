"""Who recruited whom."""

from collections.abc import Iterable

from django.db.models import QuerySet

from distributors.referrals.models import Referral
from distributors.stores.models import Distributor, Store
from distributors.stores.states import DistributorState


def referrer_store(store_id: int) -> Store | None:
    """Return the store that may earn level 2 from this store's sales: its referrer's, if open now."""
    return referrer_stores([store_id]).get(store_id)


def referrer_stores(store_ids: Iterable[int]) -> dict[int, Store]:
    """Return the open referrer's store of each of these stores that has one; one statement."""
    rows = (
        Referral.objects.filter(distributor__store__in=set(store_ids), referrer__state=DistributorState.ACTIVE)
        .select_related("referrer__store", "distributor__store")
        .order_by("pk")
    )
    found = {}
    for row in rows:
        store = row.referrer.store
        store.distributor = row.referrer
        found[row.distributor.store.pk] = store
    return found


def recruits_of(distributor: Distributor) -> QuerySet[Distributor]:
    """Return whom a distributor recruited, the newest first; they bring her nothing by themselves."""
    rows = Distributor.objects.filter(referral__referrer=distributor)
    return rows.select_related("store", "user").order_by("-referral__bound_at", "-pk")
