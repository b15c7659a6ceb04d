"""What a person said about what she bought."""

from datetime import datetime

from orders.reviews.models import FollowUp, Review, ReviewPhoto
from shop.media.actions import release
from shop.privacy.parts import Part, Row, rows


def _tell(user_id: int) -> dict[str, list[Row]]:
    return {
        "reviews": rows(
            Review.objects.filter(user_id=user_id),
            *("number", "product__title", "stars", "service_stars", "text", "written_at", "state", "answer"),
        ),
        "reviews_added": rows(FollowUp.objects.filter(review__user_id=user_id), "review__number", "text", "written_at"),
    }


def _erase(user_id: int, now: datetime) -> None:
    # The stars are part of what others rely on; her words and photos are hers and go with her.
    Review.objects.filter(user_id=user_id).update(text="")
    FollowUp.objects.filter(review__user_id=user_id).update(text="")
    for photo in ReviewPhoto.objects.select_related("picture").filter(review__user_id=user_id):
        photo.delete()
        release(picture=photo.picture, now=now)


PART = Part(name="reviews", tables=frozenset({"reviews.review"}), tell=_tell, erase=_erase)
