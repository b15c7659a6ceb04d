"""The named people and things every test and story uses, made through the product's own actions.

Small functions that compose: ``su = customer("苏 Su")``, ``tea = product(yunling(), "云岭白茶")``,
``place(su, [(tea, 2)])``. Amounts in fen, rates in basis points. Whatever exists already under the
same name is returned as it is, so that a test may ask twice.
"""

import itertools
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.utils import timezone

from distributors.commissions.models import CommissionRule
from distributors.commissions.rulebook import create_rule
from distributors.links.actions import create_link, flush_touches, record_touch
from distributors.links.attribution import TouchFact
from distributors.links.models import ShareLink
from distributors.referrals.actions import bind
from distributors.stores import actions as stores
from distributors.stores.listings import list_product
from distributors.stores.models import Listing, Store
from distributors.stores.queries import store_of
from orders.checkout.items import Item
from orders.checkout.place import place_order
from orders.lifecycle.models import Order
from shop.accounts import actions as accounts
from shop.accounts.addresses import save_address
from shop.accounts.models import Address, User
from shop.catalogue import actions as catalogue
from shop.catalogue.categories import create_category
from shop.catalogue.models import Category, Product, Sku
from shop.catalogue.rules import SkuDraft
from shop.freight import actions as delivery
from shop.freight.models import FreightTemplate
from shop.pricing import actions as pricing
from shop.regions import queries as regions
from shop.regions.models import Region
from shop.stock import actions as stock
from shop.stock.models import StockItem
from shop.suppliers import actions as suppliers
from shop.suppliers.models import Supplier

STAFF = "staff:U0000000000000000"
PASSWORD = "tea-and-oranges-8"
XIHU, LHASA = "330106", "540102"
PHONES = {
    "苏 Su": "13800000001",
    "周 Zhou": "13800000002",
    "阿禾 Ahe": "13800000003",
    "林 Lin": "13800000004",
    "云姐 Yun": "13800000005",
    "阳叔 Yang": "13800000006",
    "陌 Mo": "13800000007",
}
# A few places: West Lake in Hangzhou, Lhasa, and what lies above them.
REGIONS = [
    ("330000", None, 1, "浙江省"),
    ("330100", "330000", 2, "杭州市"),
    (XIHU, "330100", 3, "西湖区"),
    ("540000", None, 1, "西藏自治区"),
    ("540100", "540000", 2, "拉萨市"),
    (LHASA, "540100", 3, "城关区"),
]
_phones = (f"139{number:08d}" for number in itertools.count(1))


def now() -> datetime:
    """Return the present moment: tests stand at the edge, so they may read the clock."""
    return timezone.now()


# --- people ---------------------------------------------------------------------------------------


def person(name: str) -> User:
    """Return somebody with an account; the named ones have fixed phones, all the same password."""
    found = User.objects.filter(name=name).first()
    return found or accounts.register(phone=PHONES.get(name) or next(_phones), password=PASSWORD, name=name)


def customer(name: str = "苏 Su", *, region_code: str = XIHU) -> User:
    """Return somebody with an account and an address."""
    user = person(name)
    address(user, region_code=region_code)
    return user


def address(user: User, *, region_code: str = XIHU, detail: str = "灵隐路 1 号") -> Address:
    """Return the person's address in a region."""
    places()
    found = Address.objects.filter(user=user, region_code=region_code, removed_at=None).first()
    return found or save_address(
        user=user,
        number=None,
        name=user.name,
        phone=user.phone,
        region_code=region_code,
        region_names=regions.names(region_code),
        detail=detail,
        is_default=False,
    )


def places() -> None:
    """Load a few regions, by hand: an import makes and drops a table, too much for every test (test_regions imports)."""
    if not Region.objects.exists():
        Region.objects.bulk_create(
            Region(code=code, parent_id=parent, level=level, name=name) for code, parent, level, name in REGIONS
        )


# --- suppliers and goods --------------------------------------------------------------------------


def supplier(
    name: str,
    *,
    code: str,
    owner: str,
    contract: str = Supplier.Contract.SUPPLY_PRICE,
    fee_bp: int = 0,
) -> Supplier:
    """Return an active supplier that delivers: ¥8 for the first piece, ¥2 for each further one, free
    from ¥199; not to Tibet.
    """
    found = Supplier.objects.filter(code=code).first()
    if found is not None:
        return found
    made = suppliers.create(name=name, code=code, contract=contract, fee_bp=fee_bp, owner=person(owner))
    suppliers.approve(supplier=made, actor=STAFF, at=now())
    freight(made)
    return made


def yunling() -> Supplier:
    """Return 云岭茶业, paid its supply price."""
    return supplier("云岭茶业", code="yunling", owner="云姐 Yun")


def yangshan() -> Supplier:
    """Return 阳山果园, paid the sale less 5 % fee and the commissions."""
    return supplier("阳山果园", code="yangshan", owner="阳叔 Yang", contract=Supplier.Contract.COMMISSION, fee_bp=500)


def freight(
    of: Supplier,
    *,
    first_fen: int = 800,
    continued_fen: int = 200,
    free_above_fen: int | None = 19_900,
    not_to: Sequence[str] = ("540000",),
) -> FreightTemplate:
    """Give a supplier its default price list of delivery."""
    places()
    found = FreightTemplate.objects.filter(supplier=of, is_default=True).first()
    template = found or delivery.create_template(
        supplier=of, name="快递", basis=FreightTemplate.Basis.PIECE, is_default=True
    )
    delivery.set_rule(
        template=template,
        first_fen=first_fen,
        continued_fen=continued_fen,
        free_above_fen=free_above_fen,
    )
    for code in not_to:
        delivery.set_rule(template=template, region_code=code, is_deliverable=False)
    return template


def category(code: str = "tea", name: str = "茶叶", *, return_days: int | None = None) -> Category:
    """Return a shelf."""
    found = Category.objects.filter(code=code).first()
    return found or create_category(code=code, name=name, return_days=return_days)


def product(
    of: Supplier,
    title: str,
    *,
    supply_fen: int | None = None,
    retail_fen: int = 9_800,
    floor_fen: int | None = None,
    ceiling_fen: int | None = None,
    pieces: int = 100,
    options: Sequence[str] = (),
    on: Category | None = None,
    weight_g: int = 250,
) -> Product:
    """Return a product on sale with a price and stock; one SKU per option, or a single one."""
    found = Product.objects.filter(supplier=of, title=title).first()
    if found is not None:
        return found
    at, actor = now(), f"supplier:{of.code}"
    if supply_fen is None:
        supply_fen = 6_000 if retail_fen >= 6_000 else retail_fen * 6 // 10
    drafts = [SkuDraft((value,), weight_g=weight_g) for value in options]
    made = catalogue.create_product(
        supplier=of,
        category=on or category(),
        title=title,
        skus=drafts or [SkuDraft(weight_g=weight_g)],
        option_names=["规格"] if options else [],
        actor=actor,
        at=at,
    )
    for sku in made.skus.all():
        price(sku, supply_fen=supply_fen, retail_fen=retail_fen, floor_fen=floor_fen, ceiling_fen=ceiling_fen)
        if pieces:
            receive(sku, pieces)
    made.refresh_from_db()
    catalogue.submit_for_review(product=made, actor=actor, at=at)
    catalogue.approve_product(product=made, actor=STAFF, at=at)
    return made


def price(
    sku: Sku,
    *,
    supply_fen: int,
    retail_fen: int,
    floor_fen: int | None = None,
    ceiling_fen: int | None = None,
) -> None:
    """Set what a SKU costs."""
    pricing.set_price(
        sku=sku,
        supply_fen=supply_fen,
        retail_fen=retail_fen,
        floor_fen=floor_fen,
        ceiling_fen=ceiling_fen,
    )


def receive(sku: Sku, pieces: int) -> None:
    """Put pieces into the warehouse."""
    stock.receive(sku=sku, quantity=pieces, reference="入库", at=now())


def sku_of(goods: Product | Sku, option: str = "") -> Sku:
    """Return a product's SKU: the one with the option, else its first."""
    if isinstance(goods, Sku):
        return goods
    return next(sku for sku in goods.skus.order_by("position") if not option or option in sku.option_values)


def on_hand(goods: Product | Sku) -> int:
    """Return how many pieces can still be sold."""
    return StockItem.objects.get(sku=sku_of(goods)).on_hand


# --- distributors ---------------------------------------------------------------------------------


def store(name: str = "阿禾 Ahe", *, called: str = "", referrer: Store | None = None) -> Store:
    """Return the open store of a person, recruited by another store if one is given."""
    user = person(name)
    found = store_of(user)
    if found is not None:
        return found
    distributor = stores.apply(
        user=user,
        store_name=called or f"{name}的小店",
        introduction="",
        referrer_code=referrer.code if referrer else "",
        now=now(),
    )
    stores.approve(distributor=distributor, actor=STAFF, now=now())
    if referrer is not None:
        bind(
            distributor=distributor,
            referrer=referrer.distributor,
            now=now(),
            reason="invited",
        )
    return Store.objects.select_related("distributor__user").get(distributor=distributor)


def ahe() -> Store:
    """Return the store of 阿禾 Ahe, recruited by 林 Lin."""
    return store("阿禾 Ahe", called="阿禾的厨房", referrer=lin())


def lin() -> Store:
    """Return the store of 林 Lin."""
    return store("林 Lin", called="林家小铺")


def own_price(of: Store, goods: Product, price_fen: int) -> Listing:
    """Let a store pick a product and set its own price for every SKU."""
    prices = {sku.number: price_fen for sku in goods.skus.all()}
    return list_product(store=of, product=goods, prices=prices, now=now())


def rule(
    level1_bp: int = 1_000,
    level2_bp: int = 300,
    *,
    scope: str = CommissionRule.Scope.GLOBAL,
    scope_key: str = "",
    funding: str = CommissionRule.Funding.MARGIN,
) -> CommissionRule:
    """Agree on rates from this moment on, for everything unless a scope is named."""
    at = now()
    return create_rule(
        scope=scope,
        scope_key=scope_key,
        level1_bp=level1_bp,
        level2_bp=level2_bp,
        funding=funding,
        effective_from=at,
        actor=STAFF,
        now=at,
    )


# --- links ----------------------------------------------------------------------------------------


def link(of: Store, goods: Product | None = None) -> ShareLink:
    """Return a store's link to itself, or to one product."""
    target = ShareLink.Target.PRODUCT if goods else ShareLink.Target.STORE
    return create_link(store=of, target=target, product=goods, now=now())


def open_link(
    shared: ShareLink, *, user: User | None = None, visitor_key: str = "", at: datetime | None = None
) -> TouchFact:
    """Let a person or a visitor open a link; the opening is stored and binds at once."""
    key = visitor_key or f"browser of {user.number if user else 'nobody'}"
    touch = record_touch(link=shared, visitor_key=key, user=user, now=at or now())
    flush_touches(limit=1_000)
    return touch


def led_by(of: Store, user: User) -> User:
    """Let a customer open the store's link, so that her next order is its sale."""
    open_link(link(of), user=user)
    return user


# --- buying ---------------------------------------------------------------------------------------

Wish = tuple[Product | Sku, int] | tuple[Product | Sku, int, Store]


def items(wishes: Iterable[Wish]) -> list[Item]:
    """Turn ``(product, quantity)`` or ``(product, quantity, store)`` into what checkout takes."""
    made = []
    for goods, quantity, *rest in wishes:
        made.append(Item(sku_of(goods).number, quantity, rest[0].code if rest else ""))
    return made


def place(
    user: User,
    wishes: Iterable[Wish],
    *,
    region_code: str = XIHU,
    at: datetime | None = None,
    visitor_key: str = "",
    note: str = "",
) -> Order:
    """Place an order as a customer does."""
    return place_order(
        user=user,
        items=items(wishes),
        address_number=address(user, region_code=region_code).number,
        note=note,
        visitor_key=visitor_key,
        expected_payable_fen=None,
        now=at or now(),
    )
