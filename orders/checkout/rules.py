"""What is true of a line about to be bought: its trouble, its price, who gets what of its money. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from distributors.commissions.rules import Rates, self_purchase_discount_fen, split_line
from shop.base.money import share_bp
from shop.coupons.rules import LineShare
from shop.pricing.rules import Offer, unit_price_fen


@dataclass(frozen=True, slots=True)
class Goods:
    """A SKU as it stands now. Prices in fen per piece, None without a price; ``available`` pieces."""

    sku_id: int
    sku_number: str
    option_values: Sequence[str]
    weight_g: int
    is_on_sale: bool
    product_id: int
    product_number: str
    title: str
    # Its shelf and the shelves above, the nearest first.
    category_codes: tuple[str, ...]
    # The no-reason return window of its category in days; None for the usual one.
    return_days: int | None
    supplier_id: int
    supplier_code: str
    supplier_name: str
    contract: str
    fee_bp: int
    supply_fen: int | None
    retail_fen: int | None
    floor_fen: int | None
    ceiling_fen: int | None
    available: int
    # The storage name of its product's first picture, "" when there is none.
    image: str
    # What the stores asked about ask for a piece, in fen by store code; only prices within the band.
    own_fen: Mapping[str, int]

    @property
    def option_text(self) -> str:
        """The options as a customer reads them."""
        return " / ".join(self.option_values)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a line or a checkout cannot go on, and the way out. ``code`` is stable for programs."""

    code: str
    message: str | Promise
    sku_number: str = ""
    wanted: int | None = None
    left: int | None = None

    def __str__(self) -> str:
        return str(self.message)


@dataclass(frozen=True, slots=True)
class LineMoney:
    """Who gets what of one line, in fen: paid + subsidy = supplier + level 1 + level 2 + the platform's rest.

    ``coupon_fen`` is the coupons' part of the discount: what the supplier and the code's store bear is
    out of their parts already, the rest is the platform's ``subsidy_fen``.
    """

    goods_fen: int
    discount_fen: int
    paid_fen: int
    supplier_fen: int
    pool_fen: int
    level1_fen: int
    level2_fen: int
    coupon_fen: int = 0
    subsidy_fen: int = 0
    store_coupon_fen: int = 0


def problem_of(goods: Goods, *, wanted: int) -> Problem | None:
    """Return what keeps a SKU from being bought, None when nothing does.

    ``wanted`` are the pieces of all lines of this SKU together.
    """
    if not goods.is_on_sale or goods.retail_fen is None:
        text = _("“%(title)s” is not on sale any more. Take it out of the order.")
        return Problem("off_sale", text % {"title": goods.title}, goods.sku_number)
    if goods.available <= 0:
        text = _("“%(title)s” is sold out. Take it out of the order.")
        return Problem("out_of_stock", text % {"title": goods.title}, goods.sku_number, wanted, 0)
    if goods.available < wanted:
        text = _("Only %(left)d of “%(title)s” are left. Choose fewer.")
        facts = {"title": goods.title, "left": goods.available}
        return Problem("out_of_stock", text % facts, goods.sku_number, wanted, goods.available)
    return None


def unit_price_of(goods: Goods, *, store_code: str, is_open: bool) -> int:
    """Return what a piece costs in fen: the store's own price if that store is open to the customer.

    Raises ``ValueError`` for goods without a price.
    """
    if goods.supply_fen is None or goods.retail_fen is None:
        raise ValueError(f"{goods.sku_number} has no price")
    offer = Offer(
        sku_id=goods.sku_id,
        supply_fen=goods.supply_fen,
        retail_fen=goods.retail_fen,
        floor_fen=goods.floor_fen or 0,
        ceiling_fen=goods.ceiling_fen or goods.retail_fen,
        own_fen=goods.own_fen.get(store_code) if is_open else None,
    )
    return unit_price_fen(offer)


def line_money(
    *,
    unit_fen: int,
    quantity: int,
    supply_unit_fen: int,
    is_commission_contract: bool,
    fee_bp: int,
    rates: Rates,
    has_level1: bool,
    has_level2: bool,
    is_self_purchase: bool,
    coupon: LineShare | None = None,
) -> LineMoney:
    """Divide the money of one line.

    By supply price, the supplier gets that and the rest is the pool. By commission, the platform's fee
    comes first, then the distributors, and the supplier gets the rest. Whoever buys from her own store
    gets her level 1 share off the price and earns nothing. The margin guard holds every time.

    Commissions are counted on what the customer pays. Of a coupon, the platform's part is added to
    what is divided, the supplier's lowers what it gets, and the store's comes out of its level 1 share.
    """
    if is_commission_contract:
        # The supplier funds them anyway; the rule's own word for it would cut into the fee instead.
        rates = replace(rates, funding="margin")
    goods_fen = unit_fen * quantity
    coupon_fen, borne_by_supplier_fen = (coupon.discount_fen, coupon.supplier_fen) if coupon else (0, 0)

    def kept_fen(divided_fen: int, borne_fen: int = 0) -> int:
        return share_bp(divided_fen, fee_bp) if is_commission_contract else supply_unit_fen * quantity - borne_fen

    own_fen = self_purchase_discount_fen(paid_fen=goods_fen, supplier_fen=kept_fen(goods_fen), rates=rates)
    own_discount_fen = own_fen if is_self_purchase else 0
    paid_fen = goods_fen - own_discount_fen - coupon_fen
    divided_fen = paid_fen + coupon_fen - borne_by_supplier_fen
    split = split_line(
        paid_fen=paid_fen,
        supplier_fen=kept_fen(divided_fen, borne_by_supplier_fen),
        rates=rates,
        has_level1=has_level1 and not is_self_purchase,
        has_level2=has_level2,
        subsidy_fen=divided_fen - paid_fen,
    )
    supplier_fen = split.supplier_fen
    if is_commission_contract:
        supplier_fen = divided_fen - split.supplier_fen - split.level1_fen - split.level2_fen
    borne_by_store_fen = min(coupon.store_fen, split.level1_fen) if coupon else 0
    subsidy_fen = divided_fen - paid_fen - borne_by_store_fen
    return LineMoney(
        goods_fen=goods_fen,
        discount_fen=own_discount_fen + coupon_fen,
        paid_fen=paid_fen,
        supplier_fen=supplier_fen,
        pool_fen=paid_fen + subsidy_fen - supplier_fen,
        level1_fen=split.level1_fen - borne_by_store_fen,
        level2_fen=split.level2_fen,
        coupon_fen=coupon_fen,
        subsidy_fen=subsidy_fen,
        store_coupon_fen=borne_by_store_fen,
    )
