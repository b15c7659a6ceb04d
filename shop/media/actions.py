"""The life of an uploaded picture: kept, attached, drawn, moved, thrown away.

The check happens while the person waits, so that she reads at once what is wrong; the drawing is due work. A
file's name follows from its picture's number, so every step may be done twice.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, default_storage
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from shop.accounts.models import User
from shop.base.errors import Conflict, Invalid
from shop.base.late import Late
from shop.base.locks import lock_rows, require_transaction
from shop.media.models import Picture
from shop.media.queries import private_storage, storage_of
from shop.media.rules import BYTES_MAX, small_name
from shop.work import actions as work

if TYPE_CHECKING:
    from shop.media import drawing
else:
    drawing = Late("shop.media.drawing")

DRAW, DISCARD, MOVE = "picture.draw", "picture.discard", "picture.move"
# So many pictures of one person may wait to be used.
UNATTACHED_MAX = 40


class TooManyPictures(Conflict):
    """Somebody uploads pictures and uses none of them."""

    code = "too_many_pictures"


def keep(
    *, data: bytes, purpose: Picture.Purpose, uploader: User | None = None, field: str = "file", now: datetime
) -> Picture:
    """Check an uploaded file and keep it aside until it is attached to something.

    What is not attached within some hours is thrown away. Raises ``Invalid`` (``field``) for what is no fair
    picture, :class:`TooManyPictures`.
    """
    try:
        width, height = drawing.measure(data)
    except Invalid as error:
        raise Invalid(error.message, field=field) from error
    if uploader and Picture.objects.filter(uploader=uploader, attached_at=None).count() >= UNATTACHED_MAX:
        raise TooManyPictures(_("Use the pictures you sent before you send more, or wait a day."), field=field)
    with transaction.atomic():
        picture = Picture.objects.create(
            purpose=purpose,
            uploader=uploader,
            is_private=purpose == Picture.Purpose.EVIDENCE,
            width=width,
            height=height,
            created_at=now,
        )
        ends_at = now + timedelta(hours=settings.LINJIA_UPLOAD_HOURS)
        work.remember(what=DISCARD, subject=picture.number, due_at=ends_at)
    _put(private_storage(), _original_name(picture), data)
    return picture


def keep_all(
    *,
    files: "Sequence[File[bytes]]",
    purpose: Picture.Purpose,
    uploader: User | None,
    field: str = "pictures",
    now: datetime,
) -> list[Picture]:
    """Keep several uploaded files; each is read only as far as it may be long. Raises as :func:`keep` does."""
    return [
        keep(data=file.read(BYTES_MAX + 1), purpose=purpose, uploader=uploader, field=field, now=now) for file in files
    ]


def attach(*, picture: Picture, what: str = DRAW, now: datetime) -> None:
    """Make a kept picture part of something, in the caller's transaction, and have it drawn.

    ``what`` names the due work that draws it where more than the picture's own row must learn of it. Raises
    ``Invalid`` (``pictures``) when it was used or thrown away meanwhile.
    """
    require_transaction()
    if not Picture.objects.filter(pk=picture.pk, attached_at=None).update(attached_at=now):
        raise Invalid(_("One of the pictures is no longer here. Choose it again."), field="pictures")
    picture.attached_at = now
    work.forget(what=DISCARD, subject=picture.number)
    work.remember(what=what, subject=picture.number, due_at=now)


def draw_picture(*, number: str, now: datetime) -> Picture | None:
    """Draw an attached picture's renditions and forget its original; None when it was thrown away meanwhile."""
    picture = Picture.objects.filter(number=number).first()
    if picture is None or picture.attached_at is None:
        return None
    if not picture.file:
        with private_storage().open(_original_name(picture)) as original:
            renditions = drawing.draw(original.read())
        name = f"{picture.purpose}/{number[:2]}/{number}.webp"
        _put(storage_of(picture), name, renditions.large)
        _put(storage_of(picture), small_name(name), renditions.small)
        still = Picture.objects.filter(pk=picture.pk, is_private=picture.is_private)
        if not still.update(file=name, drawn_at=now):
            # Hidden or thrown away while it was drawn: nothing of it may stay where it was meant to be.
            storage_of(picture).delete(name)
            storage_of(picture).delete(small_name(name))
            raise Conflict(_("Someone was faster. Try again."))
        picture.file, picture.drawn_at = name, now
    private_storage().delete(_original_name(picture))
    return picture


def release(*, picture: Picture, now: datetime) -> None:
    """Throw a picture away that is no longer part of anything, in the caller's transaction."""
    require_transaction()
    Picture.objects.filter(pk=picture.pk).update(attached_at=None)
    work.remember(what=DISCARD, subject=picture.number, due_at=now)


def discard(*, number: str) -> None:
    """Delete a picture that nothing has attached, with all its files; nothing when it is in use."""
    with transaction.atomic():
        found = lock_rows(Picture.objects.filter(number=number))
        if not found or found[0].attached_at is not None:
            return
        (picture,) = found
        for storage, name in _files_of(picture):
            storage.delete(name)
        picture.delete()


def set_private(*, picture: Picture, is_private: bool, now: datetime) -> None:
    """Take a picture's files off the public addresses, or bring them back, in the caller's transaction."""
    require_transaction()
    if Picture.objects.filter(pk=picture.pk).exclude(is_private=is_private).update(is_private=is_private):
        picture.is_private = is_private
        work.remember(what=MOVE, subject=picture.number, due_at=now)


def move_files(*, number: str) -> None:
    """Put a picture's renditions into the storage where they belong now."""
    picture = Picture.objects.filter(number=number).first()
    if picture is None or not picture.file:
        return
    here = storage_of(picture)
    there = default_storage if picture.is_private else private_storage()
    for name in (picture.file, small_name(picture.file)):
        if there.exists(name):
            with there.open(name) as rendition:
                _put(here, name, rendition.read())
            there.delete(name)


def _original_name(picture: Picture) -> str:
    return f"originals/{picture.number[:2]}/{picture.number}"


def _files_of(picture: Picture) -> list[tuple[Storage, str]]:
    files = [(private_storage(), _original_name(picture))]
    if picture.file:
        names = (picture.file, small_name(picture.file))
        files += [(storage, name) for storage in (private_storage(), default_storage) for name in names]
    return files


def _put(storage: Storage, name: str, data: bytes) -> None:
    """Write a file under exactly this name; what an earlier try left there is replaced."""
    storage.delete(name)
    stored = storage.save(name, ContentFile(data))
    if stored != name:
        # Another worker wrote the same picture between the two lines above.
        storage.delete(stored)
