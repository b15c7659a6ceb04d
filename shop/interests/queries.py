"""What a person can ask about her own interests."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

from shop.accounts.models import User
from shop.catalogue.models import Product
from shop.catalogue.states import ProductState
from shop.interests.models import Curiosity, Discretion, Favourite, Footprint, PastSearch
from shop.interests.rules import FOOTPRINT_DAYS, SEARCHES_MAX
from shop.suppliers.states import SupplierState


def past_searches(user: User) -> list[str]:
    """Return what she searched for last, newest first."""
    rows = PastSearch.objects.filter(user=user).order_by("-searched_at", "-pk")
    return list(rows.values_list("words", flat=True)[:SEARCHES_MAX])


def keeps_footprints(user: User) -> bool:
    """Whether what she looks at is remembered."""
    return not Discretion.objects.filter(user=user).exists()


def footprints_of(user: User, *, now: datetime) -> QuerySet[Footprint]:
    """Return what she looked at within the time footprints are kept, with its product. Page by ``seen_at``, ``pk``."""
    rows = Footprint.objects.filter(user=user, seen_at__gt=now - FOOTPRINT_DAYS)
    return rows.select_related("product__supplier").defer("product__search_text", "product__description_html")


def favourites_of(user: User, kind: str) -> QuerySet[Favourite]:
    """Return what she keeps of one kind. Page it by ``pk``, newest first."""
    return Favourite.objects.filter(user=user, kind=kind)


def watches_everything(user: User) -> bool:
    """Whether she wants to be told about everything she keeps."""
    return Curiosity.objects.filter(user=user).exists()


def is_favourite(user: User, *, kind: str, number: str) -> bool:
    """Whether she keeps this."""
    return favourites_of(user, kind).filter(number=number).exists()


def products_by_number(numbers: Collection[str]) -> dict[str, Product]:
    """Return products in whatever state, with their suppliers, in one statement."""
    rows = Product.objects.filter(number__in=numbers).select_related("supplier")
    return {one.number: one for one in rows.defer("search_text", "description_html")}


def is_for_sale(product: Product) -> bool:
    """Whether a product that was read with its supplier can be bought."""
    return product.state == ProductState.ON_SALE and product.supplier.state == SupplierState.ACTIVE
