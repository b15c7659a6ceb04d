"""What can be asked about reviews. What customers read is shown reviews only; everything else starts from its owner."""

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext_lazy as _

from orders.lifecycle.models import OrderLine
from orders.reviews.models import FollowUp, ProductRating, Review, ReviewPhoto, SupplierRating
from orders.reviews.rules import STARS, Rating
from orders.reviews.states import ReviewState
from shop.accounts.models import User
from shop.base.errors import NotFound
from shop.catalogue.models import Product
from shop.suppliers.models import Supplier

# What a list of reviews may be narrowed to: everything, those with photos, those added to, or some stars.
SHOWS = ("all", "photos", "follow_ups", *(str(stars) for stars in STARS))


def rating_of(product: Product) -> Rating:
    """Return a product's stars from its counters. One statement."""
    row = ProductRating.objects.filter(product=product).first() or ProductRating()
    return Rating(_counts(row), row.photos, row.follow_ups)


def service_rating_of(supplier: Supplier) -> Rating:
    """Return the stars of a supplier's service from its counters. One statement."""
    return Rating(_counts(SupplierRating.objects.filter(supplier=supplier).first() or SupplierRating()))


def _counts(row: ProductRating | SupplierRating) -> dict[int, int]:
    return {stars: getattr(row, f"stars{stars}") for stars in STARS}


def shown_reviews(product: Product, *, show: str = "all") -> QuerySet[Review]:
    """Return what is shown about a product, newest first; ``show`` is one of :data:`SHOWS`. Four statements a page."""
    rows = Review.objects.filter(product=product, state=ReviewState.SHOWN)
    if show == "photos":
        rows = rows.filter(photo_count__gt=0)
    elif show == "follow_ups":
        rows = rows.filter(followed_up_at__isnull=False)
    elif show.isdigit():
        rows = rows.filter(stars=int(show))
    return with_contents(rows)


def with_contents(rows: QuerySet[Review]) -> QuerySet[Review]:
    """Bring author, goods, photos and additions along."""
    photos = Prefetch("photos", ReviewPhoto.objects.select_related("picture").order_by("position"))
    return rows.select_related("user", "order_line", "product", "follow_up").prefetch_related(photos).order_by("-pk")


def reviews_of(user: User) -> QuerySet[Review]:
    """Return what a customer wrote, newest first; hidden ones too: she may know."""
    return with_contents(Review.objects.filter(user=user)).select_related("order")


def review_of(user: User, number: str) -> Review:
    """Return one of the customer's own reviews. Raises ``NotFound``."""
    found = reviews_of(user).filter(number=number).first()
    if found is None:
        raise NotFound(_("There is no such review."), field="number")
    return found


def waiting_lines(user: User) -> QuerySet[OrderLine]:
    """Return the received lines a customer has not written about, newest first."""
    mine = OrderLine.objects.filter(order__user=user, received_at__isnull=False, review=None)
    return mine.select_related("order", "product", "supplier_order__supplier").order_by("-pk")


def reviewed_lines(line_ids: list[int]) -> dict[int, Review]:
    """Return the reviews of some order lines, by line id. One statement."""
    return {review.order_line_id: review for review in Review.objects.filter(order_line_id__in=line_ids)}


def reviews_of_supplier(supplier: Supplier) -> QuerySet[Review]:
    """Return what is shown about a supplier's goods, newest first."""
    return with_contents(Review.objects.filter(supplier=supplier, state=ReviewState.SHOWN))


def shown_follow_up(review: Review) -> FollowUp | None:
    """Return what was added to a review, if it is shown."""
    added: FollowUp | None = getattr(review, "follow_up", None)
    return added if added is not None and added.state == ReviewState.SHOWN else None


def newest_shown(product: Product, limit: int) -> list[Review]:
    """Return the newest reviews of a product, for its page."""
    return list(shown_reviews(product)[:limit])
