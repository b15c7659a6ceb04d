"""The pictures a person sent."""

from collections.abc import Iterator
from datetime import datetime

from shop.media.actions import release
from shop.media.models import Picture, Portrait
from shop.media.queries import open_rendition
from shop.privacy.parts import File, Part, Row, rows


def _tell(user_id: int) -> dict[str, list[Row]]:
    return {"pictures": rows(Picture.objects.filter(uploader_id=user_id), "number", "purpose", "created_at")}


def _files(user_id: int) -> Iterator[File]:
    for picture in Picture.objects.filter(uploader_id=user_id).exclude(file="").order_by("pk").iterator():
        with open_rendition(picture, is_small=False) as rendition:
            yield f"pictures/{picture.number}.webp", rendition.read()


def _erase(user_id: int, now: datetime) -> None:
    # What still belongs to something (a case that is kept) stays without its sender; the rest goes.
    for portrait in Portrait.objects.select_related("picture").filter(user_id=user_id):
        portrait.delete()
        release(picture=portrait.picture, now=now)
    mine = Picture.objects.filter(uploader_id=user_id)
    for picture in mine.filter(attached_at=None):
        release(picture=picture, now=now)
    mine.update(uploader=None)


PART = Part(name="media", tables=frozenset({"media.picture", "media.portrait"}), tell=_tell, files=_files, erase=_erase)
