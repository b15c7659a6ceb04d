"""A review's photos as both back offices show them."""

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from orders.reviews.models import Review
from shop.media.queries import photo_of


def photos_shown(review: Review) -> SafeString:
    """Return a review's photos as small squares that open large; those of an addition, too."""
    rows = review.photos.select_related("picture").order_by("follow_up_id", "position")
    photos = [photo_of(row.picture) for row in rows]
    return render_to_string("backoffice/photos.html", {"photos": photos})
