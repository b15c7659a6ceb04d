"""Pictures of products: what a file really holds is drawn anew, in two sizes, under a random name.

Nothing of the uploaded bytes is kept: whatever hides in a picture's margins or behind its end is gone.
"""

import io
import warnings
from dataclasses import dataclass

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps, UnidentifiedImageError

from shop.base.errors import Conflict, Invalid, NotFound
from shop.base.locks import lock_rows
from shop.base.numbers import new_token
from shop.catalogue.models import Product, ProductImage
from shop.catalogue.rules import IMAGES_MAX, clean_line

BYTES_MAX = 10 * 1024 * 1024
PIXELS_MAX = 40_000_000
SIDE_MIN = 16
LARGE, SMALL = 800, 400
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_QUALITY = 82


@dataclass(frozen=True, slots=True)
class Renditions:
    """A picture as WebP, at most 800 and at most 400 pixels wide and high."""

    large: bytes
    small: bytes


def render(data: bytes) -> Renditions:
    """Return a picture drawn anew. Only what decodes as JPEG, PNG, WebP, GIF or BMP is a picture.

    Raises ``Invalid`` (field ``file``) for anything else (SVG, HTML, a damaged file), for more than
    10 MB or 40 megapixels, and for less than 16 pixels a side.
    """
    if len(data) > BYTES_MAX:
        raise Invalid(_("The picture is larger than 10 MB. Save it smaller."), field="file")
    try:
        with warnings.catch_warnings():
            # Pillow's own limit only warns at first; ours is checked below, before a pixel is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                _check_size(*picture.size)
                upright = ImageOps.exif_transpose(picture)
                flat = _flatten(upright)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Invalid(_("This is not a picture we can read. Send a JPEG, PNG or WebP file."), field="file") from error
    return Renditions(_encode(flat, LARGE), _encode(flat, SMALL))


def add_picture(
    *, product: Product, data: bytes, alt: str = "", source_url: str = "", position: int | None = None
) -> ProductImage:
    """Store a picture of a product, at the end or at ``position``.

    Raises ``Invalid`` for what is no picture, ``Conflict`` beyond 20 pictures.
    """
    renditions = render(data)
    alt = clean_line(alt, field="alt", longest=120)
    with transaction.atomic():
        lock_rows(Product.objects.filter(pk=product.pk))
        own = ProductImage.objects.filter(product=product)
        if own.count() >= IMAGES_MAX:
            raise Conflict(_("A product has at most 20 pictures. Remove one first."), field="file")
        if position is None:
            position = (own.aggregate(last=Max("position"))["last"] or 0) + 1 if own.exists() else 0
        return ProductImage.objects.create(
            product=product, position=position, alt=alt, source_url=source_url, file=_store(renditions)
        )


def attach_picture(*, image: ProductImage, data: bytes) -> None:
    """Give a picture that was only noted by its address its file. Raises ``Invalid``, ``Conflict``."""
    name = _store(render(data))
    if not ProductImage.objects.filter(pk=image.pk, file="").update(file=name):
        _delete(name)
        raise Conflict(_("This picture has its file already, or was removed."), field="file")
    image.file.name = name


def remove_picture(*, product: Product, image_id: int) -> None:
    """Take a picture off a product; its files go when the transaction is committed. Raises ``NotFound``."""
    image = ProductImage.objects.filter(product=product, pk=image_id).first()
    if image is None:
        raise NotFound(_("There is no such picture."))
    name = image.file.name
    with transaction.atomic():
        image.delete()
        if name:
            transaction.on_commit(lambda: _delete(name))


def arrange_pictures(*, product: Product, image_ids: list[int]) -> None:
    """Put a product's pictures in this order. Raises ``Invalid`` unless it names each of them once."""
    with transaction.atomic():
        images = {image.pk: image for image in lock_rows(ProductImage.objects.filter(product=product))}
        if sorted(image_ids) != sorted(images):
            raise Invalid(_("Name every picture of the product once."), field="images")
        for position, image_id in enumerate(image_ids):
            images[image_id].position = position
        ProductImage.objects.bulk_update(images.values(), ["position"])


def small_name(name: str) -> str:
    """Return where the small rendition of a stored picture lies."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}-400{dot}{suffix}"


def _check_size(width: int, height: int) -> None:
    if width * height > PIXELS_MAX:
        raise Invalid(_("The picture has more than 40 megapixels. Save it smaller."), field="file")
    if min(width, height) < SIDE_MIN:
        raise Invalid(_("The picture is too small: at least 16 pixels a side."), field="file")


def _flatten(picture: Image.Image) -> Image.Image:
    """Return the first frame as plain RGB on white, without any metadata."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(ground, layer).convert("RGB")
    return picture.convert("RGB")


def _encode(picture: Image.Image, side: int) -> bytes:
    copy = picture.copy()
    copy.thumbnail((side, side), Image.Resampling.LANCZOS)
    target = io.BytesIO()
    copy.save(target, "WEBP", quality=_QUALITY, method=4, exif=b"", icc_profile=b"", xmp=b"")
    return target.getvalue()


def _store(renditions: Renditions) -> str:
    token = new_token(22)
    name = default_storage.save(f"products/{token[:2]}/{token}.webp", ContentFile(renditions.large))
    default_storage.save(small_name(name), ContentFile(renditions.small))
    return name


def _delete(name: str) -> None:
    default_storage.delete(name)
    default_storage.delete(small_name(name))
