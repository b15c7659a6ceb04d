"""What can be asked about distributors and their stores."""

from collections.abc import Iterable, Sequence

from django.db.models import Count, F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from distributors.stores.models import Distributor, Listing, ListingPrice, Store
from distributors.stores.states import DistributorState
from shop.accounts.models import User
from shop.base.errors import NotFound
from shop.catalogue.models import Product
from shop.catalogue.queries import on_sale_products
from shop.catalogue.states import ProductState
from shop.suppliers.states import SupplierState

# A store is recommended from so many picks on; the latest picks of all stores are looked at, and so many stores.
PICKS_NEEDED = 3
_RECENT_PICKS = 1_000
_STORES_LOOKED_AT = 60


def distributor_of(user: User) -> Distributor | None:
    """Return the user's application or membership, whatever its state; None for everyone else."""
    return Distributor.objects.filter(user_id=user.pk).select_related("store").first()


def store_of(user: User) -> Store | None:
    """Return the user's store, also when suspended or left: what was earned stays hers.

    None for people whose application was never approved. One statement.
    """
    rows = Store.objects.filter(distributor__user_id=user.pk, distributor__approved_at__isnull=False)
    return rows.select_related("distributor__user").first()


def store_by_code(code: str) -> Store:
    """Return a store that is open to shoppers. Raises ``NotFound`` (field ``store``)."""
    store = (
        Store.objects.filter(code=code, distributor__state=DistributorState.ACTIVE)
        .select_related("distributor__user")
        .first()
    )
    if store is None:
        raise NotFound(_("This store is not open. Have a look at the others."), field="store")
    return store


def open_stores_by_code(codes: Iterable[str]) -> dict[str, Store]:
    """Return the open stores among these codes; one statement."""
    rows = Store.objects.filter(code__in=set(codes), distributor__state=DistributorState.ACTIVE)
    return {store.code: store for store in rows}


def active_stores(ids: Iterable[int]) -> dict[int, Store]:
    """Return the open stores among these ids, with their distributors; one statement."""
    rows = Store.objects.filter(pk__in=set(ids), distributor__state=DistributorState.ACTIVE)
    return {store.pk: store for store in rows.select_related("distributor")}


def lively_stores(limit: int) -> Sequence[Store]:
    """Return open stores that picked something last, newest pick first; each has its ``pick_count``.

    Only stores with ``PICKS_NEEDED`` picks that are on sale. Looks at the last ``_RECENT_PICKS`` picks of all
    stores, so it costs the same however many there are. Two statements.
    """
    recent = Listing.objects.order_by("-pk").values_list("store_id", flat=True)[:_RECENT_PICKS]
    order = list(dict.fromkeys(recent))[:_STORES_LOOKED_AT]
    on_sale = Q(listings__product__state=ProductState.ON_SALE)
    on_sale &= Q(listings__product__supplier__state=SupplierState.ACTIVE)
    rows = Store.objects.filter(pk__in=order, distributor__state=DistributorState.ACTIVE)
    counted = rows.annotate(pick_count=Count("listings", filter=on_sale)).filter(pick_count__gte=PICKS_NEEDED)
    found = {store.pk: store for store in counted}
    return [found[pk] for pk in order if pk in found][:limit]


def is_active(store: Store) -> bool:
    """Return whether new sales may be credited to a store; one statement unless it is loaded."""
    return store.distributor.state == DistributorState.ACTIVE


def own_prices(store_id: int, sku_ids: Iterable[int]) -> dict[int, int]:
    """Return the store's own prices in fen by SKU id, inside the supplier's band of now.

    A price that the supplier's changed band has left behind counts no more: the retail price stands
    then, and the store's page says so. Only of an open store and of products it lists. One statement.
    """
    rows = ListingPrice.objects.filter(
        listing__store_id=store_id,
        listing__store__distributor__state=DistributorState.ACTIVE,
        sku_id__in=set(sku_ids),
    ).filter(_inside_band())
    return dict(rows.values_list("sku_id", "retail_fen"))


def prices_outside_band(store: Store) -> QuerySet[ListingPrice]:
    """Return the store's own prices that the supplier's band of now refuses, to be set anew."""
    rows = ListingPrice.objects.filter(listing__store=store).exclude(_inside_band())
    return rows.select_related("listing__product", "sku__price")


def listings_of(store: Store) -> QuerySet[Listing]:
    """Return what the store picked and is on sale now, in the store's own order.

    A product that leaves sale disappears by itself and comes back by itself.
    """
    rows = Listing.objects.filter(store=store, product__in=on_sale_products().values("pk"))
    return rows.select_related("product").order_by("position", "-pk")


def all_listings_of(store: Store) -> QuerySet[Listing]:
    """Return everything the store picked, for its owner; also what is off sale."""
    rows = Listing.objects.filter(store=store).select_related("product__supplier")
    return rows.prefetch_related("prices").order_by("position", "-pk")


def listing_of(store: Store, product_number: str) -> Listing:
    """Return one of the store's picks. Raises ``NotFound``."""
    listing = all_listings_of(store).filter(product__number=product_number).first()
    if listing is None:
        raise NotFound(_("This product is not among your picks."), field="product")
    return listing


def products_to_pick(store: Store) -> QuerySet[Product]:
    """Return what is on sale and not yet picked, newest first."""
    picked = Listing.objects.filter(store=store).values("product_id")
    return on_sale_products().exclude(pk__in=picked).order_by("-pk")


def distributors_in(state: str) -> QuerySet[Distributor]:
    """Return distributors in one state, the longest waiting first; for staff."""
    rows = Distributor.objects.filter(state=state).select_related("user", "store")
    return rows.order_by("applied_at", "pk")


def _inside_band() -> Q:
    return Q(retail_fen__gte=F("sku__price__floor_fen"), retail_fen__lte=F("sku__price__ceiling_fen"))
