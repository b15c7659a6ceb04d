"""Showing a private picture to somebody who was found to be entitled to it."""

from django.http import HttpResponse

from shop.media.models import Picture
from shop.media.queries import open_rendition


def private_picture(picture: Picture, *, is_small: bool) -> HttpResponse:
    """Return a picture's rendition for this one request. Raises ``NotFound`` while it is not drawn.

    No cache keeps it, no browser takes it for anything but a picture.
    """
    with open_rendition(picture, is_small=is_small) as rendition:
        answer = HttpResponse(rendition.read(), content_type="image/webp")
    answer.headers["Cache-Control"] = "no-store, private"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Disposition"] = "inline"
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer
