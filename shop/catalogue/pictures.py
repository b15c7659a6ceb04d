"""Pictures of products: uploaded files become part of a product, in an order, until they are taken off.

How a file is checked and drawn stands in ``shop.media``; a product shows a picture once it is drawn.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from shop.accounts.models import User
from shop.base.errors import Conflict, Invalid, NotFound
from shop.base.locks import lock_rows
from shop.catalogue.models import Product, ProductImage
from shop.catalogue.rules import IMAGES_MAX, clean_line
from shop.media import actions as media
from shop.media.models import Picture
from shop.pages import marks
from shop.work import actions as work

DRAW, DISCARD = "product_picture.draw", "product_picture.discard"
# An order that is being placed at this moment may still come to show it.
DISCARD_AFTER = timedelta(minutes=10)


def add_picture(
    *,
    product: Product,
    data: bytes,
    alt: str = "",
    source_url: str = "",
    position: int | None = None,
    uploader: User | None = None,
    now: datetime,
) -> ProductImage:
    """Give a product a picture, at the end or at ``position``; it is shown once it is drawn.

    Raises ``Invalid`` for what is no picture, ``Conflict`` beyond 20 pictures.
    """
    alt = clean_line(alt, field="alt", longest=120)
    picture = media.keep(data=data, purpose=Picture.Purpose.PRODUCT, uploader=uploader, now=now)
    with transaction.atomic():
        lock_rows(Product.objects.filter(pk=product.pk))
        own = ProductImage.objects.filter(product=product)
        if own.count() >= IMAGES_MAX:
            raise Conflict(_("A product has at most 20 pictures. Remove one first."), field="file")
        if position is None:
            position = (own.aggregate(last=Max("position"))["last"] or 0) + 1 if own.exists() else 0
        media.attach(picture=picture, what=DRAW, now=now)
        return ProductImage.objects.create(
            product=product,
            position=position,
            alt=alt,
            source_url=source_url,
            picture=picture,
            width=picture.width,
            height=picture.height,
        )


def attach_picture(*, image: ProductImage, data: bytes, now: datetime) -> None:
    """Give a picture that was only noted by its address its file. Raises ``Invalid``, ``Conflict``."""
    picture = media.keep(data=data, purpose=Picture.Purpose.PRODUCT, now=now)
    with transaction.atomic():
        noted = ProductImage.objects.filter(pk=image.pk, file="", picture=None)
        if not noted.update(picture=picture, width=picture.width, height=picture.height):
            raise Conflict(_("This picture has its file already, or was removed."), field="file")
        media.attach(picture=picture, what=DRAW, now=now)


def draw_picture(*, number: str, now: datetime) -> None:
    """Draw an uploaded picture and let its product show it."""
    picture = media.draw_picture(number=number, now=now)
    if picture is not None:
        with transaction.atomic():
            ProductImage.objects.filter(picture=picture).update(file=picture.file)
            shown = Product.objects.filter(images__picture=picture)
            marks.products_changed_by(lambda: shown.values_list("number", flat=True))


def remove_picture(*, product: Product, image_id: int, now: datetime) -> None:
    """Take a picture off a product. Raises ``NotFound``.

    Its files stay for the orders that show it; when there are none, they are thrown away soon: whoever knows of
    orders does the due work ``DISCARD``, whose subject names product and picture.
    """
    with transaction.atomic():
        image = ProductImage.objects.filter(product=product, pk=image_id).select_related("picture").first()
        if image is None:
            raise NotFound(_("There is no such picture."))
        image.delete()
        marks.products_changed([product.number])
        if image.picture is not None:
            subject = f"{product.number}:{image.picture.number}"
            work.remember(what=DISCARD, subject=subject, due_at=now + DISCARD_AFTER)


def arrange_pictures(*, product: Product, image_ids: list[int]) -> None:
    """Put a product's pictures in this order. Raises ``Invalid`` unless it names each of them once."""
    with transaction.atomic():
        images = {image.pk: image for image in lock_rows(ProductImage.objects.filter(product=product))}
        if sorted(image_ids) != sorted(images):
            raise Invalid(_("Name every picture of the product once."), field="images")
        for position, image_id in enumerate(image_ids):
            images[image_id].position = position
        ProductImage.objects.bulk_update(images.values(), ["position"])
        marks.products_changed([product.number])
