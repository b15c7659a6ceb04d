"""Uploaded pictures: what is refused, what is drawn, what is thrown away, and where the files lie meanwhile."""

import io
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from PIL import Image

from shop.accounts.models import User
from shop.base.errors import Invalid, NotFound
from shop.media import actions
from shop.media.drawing import draw, measure
from shop.media.models import Picture
from shop.media.queries import open_rendition, own_pictures, photo_of
from shop.media.rules import Photo, small_name, small_width
from shop.work.models import Due
from shop.work.sweep import run_due
from tests import world
from tests.uploads import REFUSED, files_in, photo, picture

pytestmark = pytest.mark.django_db
Purpose = Picture.Purpose


def keep(data: bytes = b"", *, purpose: Purpose = Purpose.REVIEW, user: User | None = None) -> Picture:
    return actions.keep(data=data or photo(), purpose=purpose, uploader=user, now=world.now())


def attached(data: bytes = b"", *, purpose: Purpose = Purpose.REVIEW) -> Picture:
    kept = keep(data, purpose=purpose)
    with transaction.atomic():
        actions.attach(picture=kept, now=world.now())
    return kept


def shown(kept: Picture) -> Picture:
    run_due(rounds_max=2)
    kept.refresh_from_db()
    return kept


# --- what a file really is ------------------------------------------------------------------------


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_is_no_fair_picture_is_refused_and_leaves_nothing(media_folder: Path, data: bytes) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.keep(data=data, purpose=Purpose.REVIEW, field="pictures", now=world.now())
    assert refusal.value.field == "pictures"
    assert str(refusal.value)
    assert not Picture.objects.exists() and not Due.objects.exists() and files_in(media_folder) == []


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_a_picture_is_drawn_anew_in_two_sizes(kind: str, mode: str) -> None:
    data = picture(1000, 500, kind, mode if kind in ("PNG", "GIF", "BMP") else "RGB")
    renditions = draw(data)
    assert measure(data) == (renditions.width, renditions.height) == (800, 400)
    for rendition, size in ((renditions.large, (800, 400)), (renditions.small, (400, 200))):
        with Image.open(io.BytesIO(rendition)) as kept:
            assert (kept.format, kept.size, kept.mode) == ("WEBP", size, "RGB")


def test_what_a_phone_wrote_into_a_photo_is_gone_and_the_photo_stands_upright() -> None:
    renditions = draw(photo(100, 50))
    assert b"home" not in renditions.large + renditions.small
    with Image.open(io.BytesIO(renditions.large)) as kept:
        assert (kept.size, dict(kept.getexif()), "xmp" in kept.info) == ((50, 100), {}, False)


def test_what_shines_through_stands_on_white() -> None:
    target = io.BytesIO()
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(target, "PNG")
    with Image.open(io.BytesIO(draw(target.getvalue()).large)) as kept:
        assert kept.getpixel((20, 20)) == (255, 255, 255)


def test_the_second_view_of_a_phones_photo_is_no_animation() -> None:
    target = io.BytesIO()
    views = [Image.new("RGB", (60, 40), colour) for colour in ("red", "blue")]
    views[0].save(target, "MPO", save_all=True, append_images=views[1:])
    with Image.open(io.BytesIO(draw(target.getvalue()).large)) as kept:
        red, _green, blue = kept.getpixel((30, 20))  # type: ignore[misc]
        assert (red > 200, blue < 50) == (True, True)


LIMITED = """
import resource, sys
sys.path.insert(0, {root!r})
from django.conf import settings
settings.configure(USE_I18N=False)
from shop.base.errors import Invalid
from shop.media.drawing import draw, measure
from tests.uploads import REFUSED, picture
large = [picture(4000, 4000, "PNG"), picture(9000, 6600, "JPEG"), picture(4000, 4000, "WEBP")]
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {megabytes} * 1024 * 1024,) * 2)
for data in REFUSED.values():
    try:
        measure(data)
    except Invalid:
        continue
    sys.exit("a file was taken")
print([(drawn.width, drawn.height) for drawn in map(draw, large)])
"""


def test_no_file_takes_more_than_a_bounded_share_of_memory() -> None:
    """A process that may have 240 MB more reads the largest fair pictures and refuses every bomb."""
    script = LIMITED.format(root=str(Path(__file__).resolve().parents[2]), megabytes=240)
    done = subprocess.run(
        [sys.executable, "-c", script], env={}, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout.strip() == "[(800, 800), (800, 587), (800, 800)]", done.stderr


# --- the life of an upload ------------------------------------------------------------------------


def test_the_original_waits_aside_until_the_picture_is_drawn(media_folder: Path) -> None:
    kept = attached(photo(1000, 500))
    assert files_in(media_folder) == [f"private/originals/{kept.number[:2]}/{kept.number}"]
    # The size is known before anything is drawn, so that a page keeps the place.
    assert photo_of(kept) == Photo("", "", 400, 800)

    shown(kept)
    name = f"review/{kept.number[:2]}/{kept.number}.webp"
    assert files_in(media_folder) == sorted([f"public/{name}", f"public/{small_name(name)}"])
    assert photo_of(kept).srcset == f"/media/{small_name(name)} 200w, /media/{name} 400w"
    assert Due.objects.filter(state="open").count() == 0


def test_drawing_twice_is_drawing_once(media_folder: Path) -> None:
    kept = shown(attached())
    before = files_in(media_folder)
    assert actions.draw_picture(number=kept.number, now=world.now()) == kept
    # Killed between the files and the row: the next try writes the same files.
    Picture.objects.filter(pk=kept.pk).update(file="")
    (media_folder / f"private/originals/{kept.number[:2]}/{kept.number}").write_bytes(photo())
    actions.draw_picture(number=kept.number, now=world.now())
    assert files_in(media_folder) == before


def test_what_nobody_uses_is_thrown_away(media_folder: Path) -> None:
    kept, used = keep(), attached()
    assert Due.objects.get(what="picture.discard").due_at == kept.created_at + timedelta(hours=24)
    Due.objects.filter(what="picture.discard").update(due_at=world.now())
    shown(used)
    assert list(Picture.objects.all()) == [used]
    assert all(used.number in name for name in files_in(media_folder))

    with transaction.atomic():
        actions.release(picture=used, now=world.now())
    run_due(rounds_max=1)
    assert files_in(media_folder) == [] and not Picture.objects.exists()
    # Work that was remembered before and comes too late does nothing.
    assert actions.draw_picture(number=used.number, now=world.now()) is None
    actions.discard(number=used.number)


def test_a_picture_in_use_is_not_thrown_away_by_late_work() -> None:
    kept = shown(attached())
    actions.discard(number=kept.number)
    assert Picture.objects.filter(pk=kept.pk).exists()


def test_a_picture_is_used_once_by_its_uploader_for_its_purpose() -> None:
    su, zhou = world.person("苏 Su"), world.person("周 Zhou")
    first, second = keep(user=su), keep(user=su)
    own = own_pictures(user=su, numbers=[second.number, first.number, second.number], purpose=Purpose.REVIEW)
    assert own == [second, first]
    for user, purpose, number in (
        (zhou, Purpose.REVIEW, first.number),
        (su, Purpose.EVIDENCE, first.number),
        (su, Purpose.REVIEW, "nosuchnumber"),
    ):
        with pytest.raises(Invalid) as refusal:
            own_pictures(user=user, numbers=[number], purpose=purpose)
        assert refusal.value.field == "pictures"
    with transaction.atomic():
        actions.attach(picture=first, now=world.now())
    with pytest.raises(Invalid), transaction.atomic():
        actions.attach(picture=first, now=world.now())


def test_nobody_fills_the_disk_with_pictures_she_does_not_use() -> None:
    su = world.person("苏 Su")
    Picture.objects.bulk_create(
        Picture(purpose="review", uploader=su, width=9, height=9, created_at=world.now())
        for _n in range(actions.UNATTACHED_MAX)
    )
    with pytest.raises(actions.TooManyPictures):
        keep(user=su)
    keep(user=world.person("周 Zhou"))


# --- who can see the files ------------------------------------------------------------------------


def test_evidence_never_lies_where_an_address_leads(media_folder: Path) -> None:
    kept = shown(attached(purpose=Purpose.EVIDENCE))
    assert {name.split("/")[0] for name in files_in(media_folder)} == {"private"}
    assert photo_of(kept).url == ""
    with open_rendition(kept, is_small=True) as small:
        assert small.read(4) == b"RIFF"
    with pytest.raises(IntegrityError), transaction.atomic():
        Picture.objects.filter(pk=kept.pk).update(is_private=False)


def test_a_hidden_photo_leaves_its_public_address_and_comes_back(media_folder: Path) -> None:
    kept = shown(attached())
    for is_private, folder in ((True, "private"), (False, "public")):
        with transaction.atomic():
            actions.set_private(picture=kept, is_private=is_private, now=world.now())
        shown(kept)
        assert {name.split("/")[0] for name in files_in(media_folder)} == {folder}
    assert default_storage.exists(kept.file)


def test_hidden_before_it_was_drawn(media_folder: Path) -> None:
    kept = attached()
    with transaction.atomic():
        actions.set_private(picture=kept, is_private=True, now=world.now())
    shown(kept)
    assert {name.split("/")[0] for name in files_in(media_folder)} == {"private"}
    with pytest.raises(NotFound):
        open_rendition(keep(), is_small=False)


@pytest.mark.parametrize(("size", "small"), [((800, 600), 400), ((600, 800), 300), ((300, 200), 300), ((3, 800), 2)])
def test_the_small_width_is_what_the_small_file_has(size: tuple[int, int], small: int) -> None:
    assert small_width(*size) == small
