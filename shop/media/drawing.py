"""What a file really is, and the picture in it drawn anew. Pure: bytes in, bytes out.

Nothing of the uploaded bytes reaches a reader: whatever hides in a picture's margins or behind its end is
gone, and with it where and with what it was taken. Sizes are read before a pixel is decoded, and large
photographs are decoded at a fraction of their size, so no file costs more than about 150 MB and a second.
"""

import io
import re
import struct
import warnings
import zlib
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps, UnidentifiedImageError

from shop.base.errors import Invalid
from shop.media.rules import BYTES_MAX, SMALL

# Photographs of phones are JPEG and are decoded small; anything else is decoded whole.
PIXELS_MAX = 16_000_000
PHOTO_PIXELS_MAX = 60_000_000
SIDE_MIN, SIDE_MAX = 16, 16_000
LARGE = 800
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_QUALITY = 82

# What a browser, an interpreter or an unpacker would act on if the file were taken for something else.
_ACTIVE = re.compile(
    rb"<script[\s>/]|<html[\s>]|<!doctype\s+html|<\?php\s|<svg[^>]{0,200}xmlns|<iframe[\s>]", re.IGNORECASE
)
_ARCHIVE_END = b"PK\x05\x06"
_ARCHIVE_TAIL = 65_557
_PDF_HEAD = 1024

# Whatever a decoder stumbles over in a damaged or made-up file.
_DAMAGE = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    ArithmeticError,
    LookupError,
    TypeError,
    struct.error,
    zlib.error,
    MemoryError,
    Image.DecompressionBombError,
)


@dataclass(frozen=True, slots=True)
class Renditions:
    """A picture as WebP, at most 800 and at most 400 pixels wide and high; ``width`` × ``height`` of the large one."""

    large: bytes
    small: bytes
    width: int
    height: int


def measure(data: bytes) -> tuple[int, int]:
    """Return how wide and high the large rendition will be, having decoded the whole file.

    Raises ``Invalid`` (field ``file``) for what is no JPEG, PNG, WebP, GIF or BMP (SVG, HTML, a damaged file),
    for a file that is something else besides, for moving pictures, and for more than 10 MB or too many pixels.
    """
    return _read(data).size


def draw(data: bytes) -> Renditions:
    """Return a picture drawn anew in two sizes. Raises ``Invalid`` as :func:`measure` does."""
    large = _read(data)
    small = large.copy()
    small.thumbnail((SMALL, SMALL), Image.Resampling.LANCZOS)
    return Renditions(_encode(large), _encode(small), *large.size)


def _read(data: bytes) -> Image.Image:
    """Return the picture upright, at most 800 pixels a side, as plain RGB on white without any metadata."""
    if len(data) > BYTES_MAX:
        raise Invalid(_("The picture is larger than 10 MB. Save it smaller."), field="file")
    _refuse_second_nature(data)
    try:
        with warnings.catch_warnings():
            # Pillow's own limit only warns at first; ours is checked before a pixel is decoded.
            warnings.simplefilter("ignore")
            if data[8:12] == b"WEBP":
                # The decoder asks for its memory when it opens a file.
                _check_size(*_webp_size(data), is_photo=False)
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                is_photo = picture.format in ("JPEG", "MPO") and not picture.info.get("progressive")
                _check_size(*picture.size, is_photo=is_photo)
                # A phone's JPEG may hold a second view (MPO); its first one is the photograph.
                if picture.format != "MPO" and getattr(picture, "is_animated", False):
                    raise Invalid(_("Moving pictures are not taken. Send a still one."), field="file")
                return _flatten(ImageOps.exif_transpose(_fit(picture)))
    except _DAMAGE as error:
        raise Invalid(_("This is not a picture we can read. Send a JPEG, PNG or WebP file."), field="file") from error


def _refuse_second_nature(data: bytes) -> None:
    is_archive = _ARCHIVE_END in data[-_ARCHIVE_TAIL:]
    if is_archive or b"%PDF-" in data[:_PDF_HEAD] or _ACTIVE.search(data):
        raise Invalid(
            _("This file holds more than a picture. Open it, save it as a new JPEG and send that."), field="file"
        )


def _check_size(width: int, height: int, *, is_photo: bool) -> None:
    most = PHOTO_PIXELS_MAX if is_photo else PIXELS_MAX
    if width * height > most or max(width, height) > SIDE_MAX:
        raise Invalid(
            _("The picture has more than %(most)d megapixels. Save it smaller.") % {"most": most // 1_000_000},
            field="file",
        )
    if min(width, height) < SIDE_MIN:
        raise Invalid(_("The picture is too small: at least 16 pixels a side."), field="file")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Return width and height from the head of a WebP file. Raises ``ValueError`` for another head."""
    kind, head = data[12:16], data[20:30]
    if len(head) < 10:
        raise ValueError("a WebP file without a head")
    if kind == b"VP8X":
        return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    if kind == b"VP8L" and head[0] == 0x2F:
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", head[6:10])
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("no WebP picture")


def _fit(picture: Image.Image) -> Image.Image:
    """Return the picture with its longest side at most 800; a JPEG is decoded at a fraction of its size."""
    if picture.mode in ("P", "1"):
        # A palette cannot be averaged: its colours can.
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    picture.thumbnail((LARGE, LARGE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return picture


def _flatten(picture: Image.Image) -> Image.Image:
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(ground, layer).convert("RGB")
    return picture.convert("RGB")


def _encode(picture: Image.Image) -> bytes:
    target = io.BytesIO()
    picture.save(target, "WEBP", quality=_QUALITY, method=4, exif=b"", icc_profile=b"", xmp=b"")
    return target.getvalue()
