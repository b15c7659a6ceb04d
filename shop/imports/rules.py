"""What a cell says: money, pieces, grams, and which column is which. Pure and exact."""

import re
from decimal import ROUND_HALF_UP, Decimal

from django.utils.translation import gettext as _

from shop.base.errors import Invalid
from shop.base.money import FEN_PER_YUAN

SUPPLY_RATE_BP = 7_000
RATE_MAX = Decimal(100_000)

# Every column we understand and the headings it goes by, in lower case: Shopify's older and newer
# form, ours in English, ours in Chinese.
COLUMNS: dict[str, tuple[str, ...]] = {
    "handle": ("handle", "url handle", "商品编码"),
    "title": ("title", "商品名称"),
    "subtitle": ("subtitle", "副标题"),
    "description": ("body (html)", "body html", "description", "商品描述"),
    "category": ("category", "分类"),
    "type": ("type",),
    "vendor": ("vendor",),
    "keywords": ("tags", "keywords", "搜索词"),
    "published": ("published", "published on online store"),
    "status": ("status",),
    "gift_card": ("gift card",),
    **{
        f"option{n}_{part}": (f"option{n} {part}", f"option{n}_{part}", f"规格{n}{label}")
        for n in (1, 2, 3)
        for part, label in (("name", "名称"), ("value", ""))
    },
    "sku": ("variant sku", "sku", "规格编码"),
    "barcode": ("variant barcode", "barcode", "条码"),
    "grams": ("variant grams", "weight value (grams)"),
    "weight": ("variant weight", "weight", "重量"),
    "weight_unit": ("variant weight unit", "weight_unit", "重量单位"),
    "stock": ("variant inventory qty", "inventory quantity", "stock", "库存"),
    "price": ("variant price", "price", "零售价"),
    "compare_at": ("variant compare at price", "compare-at price", "compare_at_price", "划线价"),
    "supply": ("cost per item", "supply_price", "供货价"),
    "floor": ("floor_price", "最低售价"),
    "ceiling": ("ceiling_price", "最高售价"),
    "image": ("image src", "product image url", "image", "图片"),
    "image_position": ("image position",),
    "image_alt": ("image alt text", "image_alt", "图片说明"),
}

# A file with one of these is Shopify's: its types are no shelves of ours, its weights are grams.
SHOPIFY_MARKS = frozenset({"variant price", "body (html)", "url handle", "inventory quantity"})

_MONEY = re.compile(r"[¥￥$€£]?\s*(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_PIECES = re.compile(r"(-?\d{1,9})(?:\.0*)?", re.ASCII)
_WEIGHT = re.compile(r"\d{1,9}(?:\.\d+)?", re.ASCII)
_GRAMS = {
    **dict.fromkeys(("g", "克", ""), Decimal(1)),
    **dict.fromkeys(("kg", "千克", "公斤"), Decimal(1000)),
    **dict.fromkeys(("lb", "lbs", "磅"), Decimal("453.59237")),
    **dict.fromkeys(("oz", "盎司"), Decimal("28.349523125")),
}
_MONEY_LENGTH_MAX = 24


def fen_of(text: str, *, rate: Decimal = Decimal(1)) -> int:
    """Return an amount of yuan, or of a currency worth ``rate`` yuan, in fen; half a fen rounds up.

    Exact: no binary fractions. Raises ``Invalid`` for what is no amount of 0 or more.
    """
    found = _MONEY.fullmatch(text.strip())
    if found is None or len(text) > _MONEY_LENGTH_MAX:
        raise Invalid(_("“%(text)s” is not an amount. Write it like 19.90.") % {"text": text[:20]})
    amount = Decimal(found[1].replace(",", "")) * rate * FEN_PER_YUAN
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def rate_of(text: str) -> Decimal:
    """Return how many yuan one unit of a currency is worth. Raises ``Invalid`` (field ``currency_rate``)."""
    if not re.fullmatch(r"\d{1,6}(\.\d{1,12})?", text.strip(), re.ASCII):
        raise Invalid(_("A rate is a number above 0, like 7.1234."), field="currency_rate")
    return check_rate(Decimal(text.strip()))


def check_rate(rate: Decimal) -> Decimal:
    """Return the rate if it is above 0 and at most 100,000. Raises ``Invalid`` (field ``currency_rate``)."""
    if not rate.is_finite() or not 0 < rate <= RATE_MAX:
        raise Invalid(_("A rate is a number above 0, like 7.1234."), field="currency_rate")
    return rate


def pieces_of(text: str) -> int:
    """Return a number of pieces, which may be negative where more was sold than there was.

    Raises ``Invalid`` for what is no whole number.
    """
    found = _PIECES.fullmatch(text.strip())
    if found is None:
        raise Invalid(_("“%(text)s” is not a whole number of pieces.") % {"text": text[:20]})
    return int(found[1])


def grams_of(text: str, unit: str) -> int:
    """Return a weight in whole grams; half a gram rounds up. Units: g, kg, lb, oz. Raises ``Invalid``."""
    factor = _GRAMS.get(unit.strip().casefold())
    if factor is None:
        raise Invalid(_("“%(unit)s” is no unit we know. Use g, kg, lb or oz.") % {"unit": unit[:20]})
    if not _WEIGHT.fullmatch(text.strip()):
        raise Invalid(_("“%(text)s” is not a weight. Write it like 0.5.") % {"text": text[:20]})
    return int((Decimal(text.strip()) * factor).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def image_address(text: str) -> str:
    """Return the address of a picture. Raises ``Invalid`` unless it begins with http:// or https://."""
    if not re.match(r"https?://[^\s/]", text, re.IGNORECASE) or len(text) > 500 or re.search(r"\s", text):
        raise Invalid(_("A picture is named by its address, beginning with https://."))
    return text
