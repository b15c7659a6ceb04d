"""What a store shows: its own words, its picks, its own prices inside the supplier's band."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from distributors.stores.models import Listing, ListingPrice, Store
from distributors.stores.queries import listing_of
from distributors.stores.rules import (
    ANNOUNCEMENT_LENGTH_MAX,
    NAME_LENGTH_MAX,
    REASON_LENGTH_MAX,
    TITLE_LENGTH_MAX,
    check_own_prices,
    checked_text,
)
from distributors.stores.states import DistributorState
from shop.base.errors import Conflict, Invalid
from shop.base.locks import lock_rows
from shop.catalogue.models import Product
from shop.catalogue.queries import product_for_sale
from shop.media import actions as media
from shop.media.models import Picture
from shop.pages import marks
from shop.pricing.queries import offers

LISTINGS_MAX = 500
DRAW_PORTRAIT = "portrait.draw"


class StoreNotOpen(Conflict):
    """The store is not open, so it can pick nothing."""

    code = "store_not_open"


def list_product(
    *,
    store: Store,
    product: Product,
    title: str = "",
    reason: str = "",
    prices: Mapping[str, int] | None = None,
    now: datetime,
) -> Listing:
    """Pick a product for the store, or change the words and prices of a pick.

    ``prices`` are the store's own prices in fen by SKU number and replace the earlier ones; a SKU that
    is not named is sold at its retail price, and None leaves all as they are. Raises ``NotFound`` for
    a product that is not on sale, ``Invalid`` (``title``, ``reason``, ``prices``), ``Conflict``.
    """
    own_title = checked_text(title, field="title", longest=TITLE_LENGTH_MAX)
    own_reason = checked_text(reason, field="reason", longest=REASON_LENGTH_MAX)
    product_for_sale(product.number)
    own_prices = None if prices is None else _own_prices(product, prices)
    with transaction.atomic():
        _lock_open(store)
        known = Listing.objects.filter(store=store, product=product).exists()
        if not known and Listing.objects.filter(store=store).count() >= LISTINGS_MAX:
            raise Conflict(
                _("A store shows at most %(max)d products. Take one out first.") % {"max": LISTINGS_MAX},
                code="too_many_listings",
            )
        listing, _is_new = Listing.objects.update_or_create(
            store=store,
            product=product,
            defaults={"title": own_title, "reason": own_reason},
            create_defaults={"title": own_title, "reason": own_reason, "created_at": now},
        )
        if own_prices is not None:
            _replace_prices(listing, own_prices)
        marks.store_changed(store.code)
    return listing


def unlist(*, store: Store, product: Product) -> None:
    """Take a product out of the store; taking it out twice is taking it out once."""
    with transaction.atomic():
        Listing.objects.filter(store=store, product=product).delete()
        marks.store_changed(store.code)


def arrange(*, store: Store, product_numbers: Sequence[str]) -> None:
    """Put the store's picks into this order; picks that are not named follow in the order they have.

    Raises ``NotFound`` for a product that is not among them.
    """
    with transaction.atomic():
        rows = lock_rows(Listing.objects.filter(store=store))
        numbers = dict(Product.objects.filter(listings__store=store).values_list("number", "pk"))
        wanted: dict[int, int] = {}
        for number in product_numbers:
            if number not in numbers:
                listing_of(store, number)
            wanted.setdefault(numbers[number], len(wanted))
        rest = sorted(
            (row for row in rows if row.product_id not in wanted),
            key=lambda row: (row.position, -row.pk),
        )
        for place, row in enumerate(rest, start=len(wanted)):
            wanted[row.product_id] = place
        for row in rows:
            row.position = wanted[row.product_id]
        Listing.objects.bulk_update(rows, ["position"])
        marks.store_changed(store.code)


def update_store(
    *,
    store: Store,
    name: str | None = None,
    announcement: str | None = None,
    portrait: bytes | None = None,
    now: datetime,
) -> Store:
    """Change what a store says about itself; None leaves a thing as it is, ``b""`` takes the picture out.

    A new picture is shown once it is drawn. Raises ``Invalid`` naming the field.
    """
    changed = []
    if name is not None:
        store.name = checked_text(name, field="name", longest=NAME_LENGTH_MAX, shortest=1)
        changed.append("name")
    if announcement is not None:
        store.announcement = checked_text(announcement, field="announcement", longest=ANNOUNCEMENT_LENGTH_MAX)
        changed.append("announcement")
    picture = None
    if portrait:
        owner = store.distributor.user
        picture = media.keep(data=portrait, purpose=Picture.Purpose.PORTRAIT, uploader=owner, field="portrait", now=now)
    with transaction.atomic():
        if portrait is not None:
            _set_picture(store, picture, now=now)
            changed += ["picture", "portrait"]
        if changed:
            store.save(update_fields=changed)
            marks.store_changed(store.code)
    return store


def draw_portrait(*, number: str, now: datetime) -> None:
    """Draw a store's new picture and let the store show it."""
    picture = media.draw_picture(number=number, now=now)
    if picture is not None:
        with transaction.atomic():
            Store.objects.filter(picture=picture).update(portrait=picture.file)
            for code in Store.objects.filter(picture=picture).values_list("code", flat=True):
                marks.store_changed(code)


def _set_picture(store: Store, picture: Picture | None, *, now: datetime) -> None:
    """Put the store's next picture in place of the one before, which is thrown away."""
    before = Picture.objects.filter(store=store).first()
    if before is not None:
        media.release(picture=before, now=now)
    if picture is None:
        store.portrait = ""
    else:
        media.attach(picture=picture, what=DRAW_PORTRAIT, now=now)
    store.picture = picture


def _lock_open(store: Store) -> None:
    """Lock the store's row, so that its picks are counted one at a time."""
    locked = lock_rows(Store.objects.filter(pk=store.pk).select_related("distributor"))
    if not locked or locked[0].distributor.state != DistributorState.ACTIVE:
        raise StoreNotOpen(_("Your store is not open, so it cannot pick products."))


def _own_prices(product: Product, prices: Mapping[str, int]) -> dict[int, int]:
    skus = dict(product.skus.filter(is_active=True).values_list("number", "pk"))
    unknown = [number for number in prices if number not in skus]
    if unknown:
        raise Invalid(
            _("You can only set prices of this product's own options."),
            field="prices",
            extra={"skus": unknown[:20]},
        )
    own = {skus[number]: price_fen for number, price_fen in prices.items()}
    check_own_prices(own, offers(own))
    return own


def _replace_prices(listing: Listing, own_prices: Mapping[int, int]) -> None:
    ListingPrice.objects.filter(listing=listing).exclude(sku_id__in=list(own_prices)).delete()
    ListingPrice.objects.bulk_create(
        [
            ListingPrice(listing=listing, sku_id=sku_id, retail_fen=price_fen)
            for sku_id, price_fen in own_prices.items()
        ],
        update_conflicts=True,
        unique_fields=["listing", "sku"],
        update_fields=["retail_fen"],
    )
