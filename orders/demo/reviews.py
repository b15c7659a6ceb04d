"""What the people of the demo say about what they received: mostly pleased, some not, a few with a photo."""

import io
from collections.abc import Callable
from datetime import datetime
from random import Random

from django.core.files.storage import default_storage
from PIL import Image, ImageOps

from orders.lifecycle.models import OrderLine
from orders.reviews.actions import write_review
from shop.accounts.models import User
from shop.base.errors import DomainError
from shop.catalogue.models import Product, ProductImage
from shop.media.actions import draw_picture, keep
from shop.media.models import Picture

# Stars for the goods, stars for the service, words.
WORDS = (
    (5, 5, "第二次买了，和上次一样好。包装很仔细，到手没有磕碰。"),
    (5, 4, "东西很好，快递慢了一天，其他没得说。"),
    (4, 5, "总体满意，颜色比图片深一点点，介意的朋友看一下。"),
    (5, 5, "邻居推荐的，果然没失望，家里人都喜欢。"),
    (3, 4, "中规中矩，这个价位可以接受，包装还可以再用心些。"),
    (4, 4, "质量不错，分量比想象的少一点，下次买大一号的规格。"),
    (5, 5, "发货快，打开闻着就新鲜，已经分给同事一起尝了。"),
    (2, 4, "和我想的不太一样，客服回复倒是很快，耐心解释了。"),
    (5, 5, "用了一周才来评价，没有问题，会推荐给朋友。"),
)
PHOTO_CHANCE = 0.4


def say(part_id: int, chance: Random) -> Callable[[datetime], None]:
    """Return the moment in which a customer reviews the first line of her parcel."""

    def act(at: datetime) -> None:
        line = OrderLine.objects.filter(supplier_order=part_id).select_related("order__user", "product").first()
        if line is None or line.received_at is None:
            return
        stars, service_stars, text = chance.choice(WORDS)
        photos = photo_at_home(line.product, line.order.user, chance, at) if chance.random() < PHOTO_CHANCE else []
        try:
            write_review(
                user=line.order.user,
                order_number=line.order.number,
                line=line.line,
                stars=stars,
                service_stars=service_stars,
                text=text,
                pictures=photos,
                now=at,
            )
        except DomainError:
            # She said what she thinks of it when she bought it before.
            return
        for photo in photos:
            draw_picture(number=photo.number, now=at)

    return act


def photo_at_home(product: Product, user: User, chance: Random, at: datetime) -> list[Picture]:
    """Return a photo of the goods as somebody at home takes it, nearer and askew; none where the goods have no picture."""
    image = ProductImage.objects.filter(product=product).exclude(file="").order_by("position").first()
    if image is None:
        return []
    with default_storage.open(str(image.file)) as file:
        taken = Image.open(file).convert("RGB").rotate(chance.uniform(-6, 6), resample=Image.Resampling.BICUBIC)
    edge = round(min(taken.size) * chance.uniform(0.12, 0.2))
    out = io.BytesIO()
    ImageOps.crop(taken, edge).save(out, "JPEG", quality=88)
    return [keep(data=out.getvalue(), purpose=Picture.Purpose.REVIEW, uploader=user, now=at)]
