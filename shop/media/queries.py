"""What can be asked about pictures."""

from collections.abc import Sequence
from typing import IO

from django.core.files.storage import Storage, default_storage, storages
from django.utils.translation import gettext_lazy as _

from shop.accounts.models import User
from shop.base.errors import Invalid, NotFound
from shop.media.models import Picture
from shop.media.rules import Photo, small_name


def private_storage() -> Storage:
    """Return the storage no public address leads to: originals, evidence, what was hidden."""
    return storages["private"]


def storage_of(picture: Picture) -> Storage:
    """Return where a picture's renditions lie."""
    return private_storage() if picture.is_private else default_storage


def photo_of(picture: Picture, *, alt: str = "") -> Photo:
    """Return a public picture as pages show it; without addresses while it is not drawn, or not public."""
    if not picture.file or picture.is_private:
        return Photo("", "", picture.width, picture.height, alt)
    url, small = default_storage.url(picture.file), default_storage.url(small_name(picture.file))
    return Photo(url, small, picture.width, picture.height, alt)


def open_rendition(picture: Picture, *, is_small: bool) -> IO[bytes]:
    """Open a rendition for reading. Raises ``NotFound`` while it is not drawn."""
    if not picture.file:
        raise NotFound(_("This picture is still being prepared. Try again in a moment."))
    name = small_name(picture.file) if is_small else picture.file
    try:
        return storage_of(picture).open(name)
    except FileNotFoundError as error:
        raise NotFound(_("There is no such picture.")) from error


def own_pictures(
    *, user: User, numbers: Sequence[str], purpose: Picture.Purpose, field: str = "pictures"
) -> list[Picture]:
    """Return the pictures somebody uploaded for something and has not used yet, in the order asked for.

    Raises ``Invalid`` (``field``) for any that is not there: used, thrown away, or somebody else's.
    """
    wanted = list(dict.fromkeys(numbers))
    mine = Picture.objects.filter(uploader=user, purpose=purpose, attached_at=None, number__in=wanted[:100])
    known = {picture.number: picture for picture in mine}
    if len(known) < len(wanted):
        raise Invalid(_("One of the pictures is no longer here. Choose it again."), field=field)
    return [known[number] for number in wanted]
