"""The picture a person shows of herself."""

from datetime import datetime

from django.db import transaction

from shop.accounts.models import User
from shop.base.locks import lock_rows
from shop.media.actions import attach, keep, release
from shop.media.models import Picture, Portrait
from shop.media.queries import photo_of
from shop.media.rules import Photo


def portrait_of(user: User) -> Photo | None:
    """Return a person's portrait, without addresses while it is being drawn; None when she shows none."""
    found = Portrait.objects.select_related("picture").filter(user=user).first()
    return photo_of(found.picture) if found else None


def set_portrait(*, user: User, data: bytes, now: datetime) -> None:
    """Show a new portrait; the one before is thrown away. Raises ``Invalid`` (portrait) for what is no fair picture."""
    picture = keep(data=data, purpose=Picture.Purpose.PORTRAIT, uploader=user, field="portrait", now=now)
    with transaction.atomic():
        lock_rows(User.objects.filter(pk=user.pk))
        _take_down(user, now)
        Portrait.objects.create(user=user, picture=picture)
        attach(picture=picture, now=now)


def remove_portrait(*, user: User, now: datetime) -> None:
    """Show no portrait any more."""
    with transaction.atomic():
        lock_rows(User.objects.filter(pk=user.pk))
        _take_down(user, now)


def _take_down(user: User, now: datetime) -> None:
    before = Portrait.objects.select_related("picture").filter(user=user).first()
    if before is not None:
        before.delete()
        release(picture=before.picture, now=now)
