"""Reviews in a reader's words: plain facts for templates."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from orders.reviews.models import Review, ReviewPhoto
from orders.reviews.queries import shown_follow_up
from orders.reviews.rules import Rating, author_name
from orders.reviews.states import ReviewState
from shop.media.queries import photo_of
from shop.media.rules import Photo

FILTERS: tuple[tuple[str, str | Promise], ...] = (
    ("all", gettext_lazy("All")),
    ("photos", gettext_lazy("With photos")),
    ("follow_ups", gettext_lazy("Added later")),
    ("5", gettext_lazy("5 stars")),
    ("4", gettext_lazy("4 stars")),
    ("3", gettext_lazy("3 stars")),
    ("2", gettext_lazy("2 stars")),
    ("1", gettext_lazy("1 star")),
)


@dataclass(frozen=True)
class Addition:
    """What the author added later; ``days`` after her review."""

    text: str
    days: int
    photos: tuple[Photo, ...]


@dataclass(frozen=True)
class ReviewCard:
    """One review as everybody reads it: the author is a first character."""

    number: str
    author: str
    stars: int
    text: str
    option_text: str
    written_at: datetime
    photos: tuple[Photo, ...]
    answer: str
    addition: Addition | None


@dataclass(frozen=True)
class OwnReview:
    """One review as its author reads it."""

    card: ReviewCard
    title: str
    picture: str
    product_number: str
    is_hidden: bool
    hidden_reason: str
    can_add: bool
    add_from: datetime


@dataclass(frozen=True)
class Tab:
    """A way to narrow the list; ``count`` None where nobody counted."""

    code: str
    label: str
    count: int | None
    is_here: bool


def review_card(review: Review) -> ReviewCard:
    """Return one review for a page; author, line, photos and addition were brought along."""
    photos = list(review.photos.all())
    added = shown_follow_up(review)
    return ReviewCard(
        number=review.number,
        author=author_name(review.user.name),
        stars=review.stars,
        text=review.text,
        option_text=review.order_line.option_text,
        written_at=review.written_at,
        photos=_photos(photos, None),
        answer=review.answer,
        addition=Addition(added.text, (added.written_at - review.written_at).days, _photos(photos, added.pk))
        if added
        else None,
    )


def own_review(review: Review, *, picture: str, add_from: datetime, now: datetime) -> OwnReview:
    """Return one review for its author; ``picture`` is the goods' as they were bought."""
    is_hidden = review.state == ReviewState.HIDDEN
    return OwnReview(
        card=review_card(review),
        title=review.order_line.title,
        picture=picture,
        product_number=review.product.number,
        is_hidden=is_hidden,
        hidden_reason=review.hidden_reason,
        can_add=not is_hidden and not hasattr(review, "follow_up") and add_from <= now,
        add_from=add_from,
    )


def tabs(rating: Rating, here: str) -> list[Tab]:
    """Return the ways to narrow a product's reviews; those with nothing behind them are left out."""
    counts = {"all": rating.count, "photos": rating.photos, "follow_ups": rating.follow_ups}
    counts |= {str(share.stars): share.count for share in rating.shares}
    return [
        Tab(code, str(label), counts[code], code == here)
        for code, label in FILTERS
        if counts[code] or code in ("all", here)
    ]


def _photos(photos: Iterable[ReviewPhoto], follow_up_id: int | None) -> tuple[Photo, ...]:
    own = [photo for photo in photos if photo.follow_up_id == follow_up_id]
    return tuple(photo_of(photo.picture) for photo in own)
