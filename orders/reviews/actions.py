"""Writing a review, adding to it, answering it, hiding it. Counters move in the same transaction, by one."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from orders.lifecycle.queries import line_of
from orders.reviews.models import FollowUp, ProductRating, Review, ReviewPhoto, SupplierRating
from orders.reviews.queries import review_of
from orders.reviews.rules import PHOTOS_MAX, STARS, TEXT_LENGTH_MAX, follow_up_from
from orders.reviews.states import ReviewState
from shop.accounts.models import User
from shop.base.errors import Conflict, Invalid
from shop.base.locks import lock_rows
from shop.media import actions as media
from shop.media.models import Picture
from shop.notifications import actions as notifications
from shop.notifications.actions import Notice
from shop.states.machine import move
from shop.work import actions as work

CHECK, CHECK_FOLLOW_UP = "review.check", "review.check_follow_up"
State = ReviewState


class NotReceived(Conflict):
    """Only what has arrived can be reviewed."""

    code = "not_received"


class AlreadyReviewed(Conflict):
    """There is one review per order line, and one addition to it."""

    code = "already_reviewed"


class TooEarly(Conflict):
    """Something is added after some weeks of use, not at once."""

    code = "too_early"


def write_review(
    *,
    user: User,
    order_number: str,
    line: int,
    stars: int,
    service_stars: int,
    text: str = "",
    pictures: Sequence[Picture] = (),
    now: datetime,
) -> Review:
    """Say what a received line of one's own order was like.

    Raises ``NotFound``, :class:`NotReceived`, :class:`AlreadyReviewed`, ``Invalid`` naming the field.
    """
    for field, given in (("stars", stars), ("service_stars", service_stars)):
        if given not in STARS:
            raise Invalid(_("Give one to five stars."), field=field)
    words = _checked(text, pictures)
    order_line = line_of(user, order_number, line)
    if order_line.received_at is None:
        raise NotReceived(_("You can review it when it has arrived."))
    with transaction.atomic():
        try:
            with transaction.atomic():
                review = Review.objects.create(
                    order_id=order_line.order_id,
                    order_line=order_line,
                    product_id=order_line.product_id,
                    supplier_id=order_line.supplier_order.supplier_id,
                    user=user,
                    stars=stars,
                    service_stars=service_stars,
                    text=words,
                    photo_count=len(pictures),
                    written_at=now,
                )
        except IntegrityError as error:
            raise AlreadyReviewed(_("You have reviewed this already. You can add to it later.")) from error
        _add_photos(review, None, pictures, now=now)
        _count(review, +1)
        work.remember(what=CHECK, subject=review.number, due_at=now)
        people = order_line.supplier_order.supplier.members.values_list("user_id", flat=True)
        facts = {"product": order_line.title, "stars": stars}
        notifications.notify_all(notices=[Notice(pk, "review_written", facts) for pk in people], at=now)
    return review


def add_follow_up(*, user: User, number: str, text: str, pictures: Sequence[Picture] = (), now: datetime) -> FollowUp:
    """Add to one's own review after some weeks of use; once.

    Raises ``NotFound``, :class:`TooEarly`, :class:`AlreadyReviewed`, ``Invalid`` naming the field.
    """
    words = _checked(text, pictures)
    if not words:
        raise Invalid(_("Write a few words."), field="text")
    review = review_of(user, number)
    begins_at = follow_up_from(review.written_at, settings.LINJIA_REVIEW_FOLLOW_UP_DAYS)
    if now < begins_at:
        raise TooEarly(
            _("You can add to it %(days)s days after your review.") % {"days": settings.LINJIA_REVIEW_FOLLOW_UP_DAYS}
        )
    with transaction.atomic():
        (review,) = lock_rows(Review.objects.filter(pk=review.pk))
        if review.state != State.SHOWN:
            raise Conflict(_("Your review is hidden; nothing can be added to it."), code="review_hidden")
        try:
            with transaction.atomic():
                added = FollowUp.objects.create(review=review, text=words, written_at=now)
        except IntegrityError as error:
            raise AlreadyReviewed(_("You have added to this review already.")) from error
        _add_photos(review, added, pictures, now=now)
        Review.objects.filter(pk=review.pk).update(followed_up_at=now)
        ProductRating.objects.filter(product_id=review.product_id).update(follow_ups=F("follow_ups") + 1)
        work.remember(what=CHECK_FOLLOW_UP, subject=review.number, due_at=now)
    return added


def answer_review(*, review: Review, text: str, now: datetime) -> None:
    """The supplier answers, once. Raises ``Invalid`` without words, ``Conflict`` when it has answered."""
    words = text.strip()
    if not 1 <= len(words) <= TEXT_LENGTH_MAX:
        raise Invalid(_("Write 1 to %(most)s characters.") % {"most": TEXT_LENGTH_MAX}, field="text")
    with transaction.atomic():
        unanswered = Review.objects.filter(pk=review.pk, answered_at=None, state=State.SHOWN)
        if not unanswered.update(answer=words, answered_at=now):
            raise Conflict(_("This review was answered already, or is hidden."), code="answered")
        facts = {"product": review.order_line.title, "answer": words}
        notifications.notify(user_id=review.user_id, kind="review_answered", facts=facts, link="/reviews/", at=now)


def hide_review(*, review: Review, reason: str, actor: str, now: datetime) -> None:
    """Take a review off the pages, with its photos; its author reads why. Raises ``Invalid``, ``StateConflict``."""
    why = reason.strip()
    if not 1 <= len(why) <= 200:
        raise Invalid(_("Say why."), field="reason")
    with transaction.atomic():
        (row,) = lock_rows(Review.objects.filter(pk=review.pk))
        move(row, State.HIDDEN, actor=actor, at=now, reason=why, changes={"hidden_reason": why})
        _count(row, -1)
        _publish(ReviewPhoto.objects.filter(review=row), is_private=True, now=now)
        facts = {"product": row.order_line.title, "reason": why}
        notifications.notify(user_id=row.user_id, kind="review_hidden", facts=facts, link="/reviews/", at=now)


def show_review(*, review: Review, actor: str, now: datetime) -> None:
    """Put a hidden review back. Raises ``StateConflict``."""
    with transaction.atomic():
        (row,) = lock_rows(Review.objects.filter(pk=review.pk))
        move(row, State.SHOWN, actor=actor, at=now, changes={"hidden_reason": ""})
        _count(row, +1)
        shown = ReviewPhoto.objects.filter(review=row).exclude(follow_up__state=State.HIDDEN)
        _publish(shown, is_private=False, now=now)


def hide_follow_up(*, review: Review, reason: str, actor: str, now: datetime) -> None:
    """Take what was added to a review off the pages. Raises ``Conflict`` when there is nothing."""
    why = reason.strip()
    if not 1 <= len(why) <= 200:
        raise Invalid(_("Say why."), field="reason")
    with transaction.atomic():
        (row,) = lock_rows(Review.objects.filter(pk=review.pk))
        added = FollowUp.objects.filter(review=row).first()
        if added is None:
            raise Conflict(_("Nothing was added to this review."), code="no_follow_up")
        move(added, State.HIDDEN, actor=actor, at=now, reason=why)
        Review.objects.filter(pk=row.pk).update(followed_up_at=None)
        if row.state == State.SHOWN:
            ProductRating.objects.filter(product_id=row.product_id).update(follow_ups=F("follow_ups") - 1)
        _publish(ReviewPhoto.objects.filter(follow_up=added), is_private=True, now=now)
        facts = {"product": row.order_line.title, "reason": why}
        notifications.notify(user_id=row.user_id, kind="review_hidden", facts=facts, link="/reviews/", at=now)


def _checked(text: str, pictures: Sequence[Picture]) -> str:
    words = text.replace("\x00", "").strip()
    if len(words) > TEXT_LENGTH_MAX:
        raise Invalid(_("Say it in at most %(most)s characters.") % {"most": TEXT_LENGTH_MAX}, field="text")
    if len(pictures) > PHOTOS_MAX:
        raise Invalid(_("At most %(most)s pictures.") % {"most": PHOTOS_MAX}, field="pictures")
    return words


def _add_photos(review: Review, added: FollowUp | None, pictures: Sequence[Picture], *, now: datetime) -> None:
    for position, picture in enumerate(pictures):
        media.attach(picture=picture, now=now)
        ReviewPhoto.objects.create(review=review, follow_up=added, picture=picture, position=position)


def _publish(photos: QuerySet[ReviewPhoto], *, is_private: bool, now: datetime) -> None:
    for photo in photos.select_related("picture"):
        media.set_private(picture=photo.picture, is_private=is_private, now=now)


def _count(review: Review, by: int) -> None:
    """Move the counters for a review that has come or gone; two rows, locked in this order everywhere."""
    ProductRating.objects.get_or_create(product_id=review.product_id)
    ProductRating.objects.filter(product_id=review.product_id).update(
        **{f"stars{review.stars}": F(f"stars{review.stars}") + by},
        photos=F("photos") + (by if review.photo_count else 0),
        follow_ups=F("follow_ups") + (by if review.followed_up_at else 0),
    )
    SupplierRating.objects.get_or_create(supplier_id=review.supplier_id)
    SupplierRating.objects.filter(supplier_id=review.supplier_id).update(
        **{f"stars{review.service_stars}": F(f"stars{review.service_stars}") + by}
    )
