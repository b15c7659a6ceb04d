"""What a checkout is made of, read plainly: one slow question after the other, with the models."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from distributors.commissions.models import CommissionRule
from distributors.commissions.rules import RuleFact
from distributors.links.attribution import BondFact, CreditFacts, StoreFact, TouchFact
from distributors.links.models import Bond, Touch, Visitor
from distributors.links.rules import stronger_bond
from distributors.referrals.models import Referral
from distributors.stores.models import ListingPrice, Store
from orders.checkout.items import Item
from orders.checkout.queries import Facts, Wish
from orders.checkout.rules import Goods
from shop.accounts.models import WechatIdentity
from shop.base.numbers import token_hash
from shop.catalogue.models import Category, Sku
from shop.freight.models import FreightTemplate, ProductFreight
from shop.freight.queries import PriceList, PriceLists, rule_of
from shop.pricing.models import SkuPrice
from shop.regions.models import Region
from shop.stock.models import StockItem


def plain_goods(wish: Wish, item: Item) -> Goods:
    sku = Sku.objects.select_related("product__category", "supplier").get(number=item.sku_number)
    price = SkuPrice.objects.get(sku=sku)
    shelves: list[Category] = []
    shelf: Category | None = sku.product.category
    while shelf is not None:
        shelves.append(shelf)
        shelf = shelf.parent
    stock = StockItem.objects.filter(sku=sku).first()
    picture = sku.product.images.exclude(file="").order_by("position", "pk").first()
    own = ListingPrice.objects.filter(
        sku=sku,
        listing__store__code__in=[one.store_code for one in wish.items],
        listing__store__distributor__state="active",
        retail_fen__gte=price.floor_fen,
        retail_fen__lte=price.ceiling_fen,
    )
    return Goods(
        sku_id=sku.pk,
        sku_number=sku.number,
        option_values=sku.option_values,
        weight_g=sku.weight_g,
        is_on_sale=sku.is_active and sku.product.state == "on_sale" and sku.supplier.state == "active",
        product_id=sku.product_id,
        product_number=sku.product.number,
        title=sku.product.title,
        category_codes=tuple(one.code for one in shelves),
        return_days=next((one.return_days for one in shelves if one.return_days is not None), None),
        supplier_id=sku.supplier_id,
        supplier_code=sku.supplier.code,
        supplier_name=sku.supplier.name,
        contract=sku.supplier.contract,
        fee_bp=sku.supplier.fee_bp,
        supply_fen=price.supply_fen,
        retail_fen=price.retail_fen,
        floor_fen=price.floor_fen,
        ceiling_fen=price.ceiling_fen,
        available=stock.on_hand if stock else 0,
        image=picture.file.name if picture else "",
        own_fen=dict(own.values_list("listing__store__code", "retail_fen")),
    )


def plain_touches(wish: Wish, products: set[int]) -> list[TouchFact]:
    user_id = wish.user.pk if wish.user else 0
    mine = token_hash(wish.visitor_key) if wish.visitor_key else "-"
    owner = Visitor.objects.filter(key_hash=mine).first()
    is_foreign = owner is not None and owner.user_id not in (None, user_id)
    hers = set(Visitor.objects.filter(user_id=user_id).values_list("key_hash", flat=True))
    since = wish.now - timedelta(days=settings.LINJIA_TOUCH_WINDOW_DAYS)
    found = []
    for touch in Touch.objects.order_by("-at", "-number"):
        by_visitor = touch.visitor_hash == mine and touch.user_id in (None, user_id) and not is_foreign
        if not (by_visitor or touch.user_id == user_id or touch.visitor_hash in hers):
            continue
        if since < touch.at <= wish.now and touch.product_id in {None, *products}:
            code = Store.objects.get(pk=touch.store_id).code
            found.append(
                TouchFact(touch.number, touch.at, touch.token, touch.store_id, code, touch.product_id, touch.channel)
            )
    return found


def plain_bond(wish: Wish) -> BondFact | None:
    def fact(bond: Bond | None) -> BondFact | None:
        if bond is None:
            return None
        names = ("store_id", "started_at", "protected_until", "valid_until", "reason", "touch_number")
        return BondFact(**{name: getattr(bond, name) for name in names})

    mine = fact(Bond.objects.filter(user=wish.user, ended_at=None).first() if wish.user else None)
    free = Bond.objects.filter(user=None, visitor__user=None, ended_at=None)
    theirs = fact(free.filter(visitor__key_hash=token_hash(wish.visitor_key)).first() if wish.visitor_key else None)
    if stronger_bond(mine=mine, visitors=theirs, now=wish.now) == "visitors":
        return theirs
    return mine or theirs


def plain_stores(wish: Wish, ids: set[int]) -> dict[int, StoreFact]:
    kin = {wish.user.pk} if wish.user else {0}
    for mine in WechatIdentity.objects.filter(user=wish.user) if wish.user else []:
        same = Q(openid=mine.openid) | (Q(unionid=mine.unionid) if mine.unionid else Q(pk=None))
        kin |= set(WechatIdentity.objects.filter(same).values_list("user_id", flat=True))
    own = Store.objects.filter(distributor__user=wish.user).values_list("pk", flat=True) if wish.user else []
    found = {}
    for store in Store.objects.filter(pk__in={*ids, *own}).select_related("distributor"):
        referral = Referral.objects.filter(distributor=store.distributor).select_related("referrer__store").first()
        above = referral.referrer if referral else None
        earns = above is not None and above.state == "active" and above.user_id not in kin
        found[store.pk] = StoreFact(
            code=store.code,
            is_active=store.distributor.state == "active",
            owner_user_id=store.distributor.user_id,
            is_buyers=store.distributor.user_id in kin,
            grade=store.distributor.grade,
            referrer_store_id=above.store.pk if above and earns else None,
            referrer_store_code=above.store.code if above and earns else "",
        )
    return found


def plain_credit(wish: Wish, goods: list[Goods]) -> CreditFacts:
    touches = plain_touches(wish, {one.product_id for one in goods})
    bond = plain_bond(wish)
    ids = {touch.store_id for touch in touches} | ({bond.store_id} if bond else set())
    return CreditFacts(
        now=wish.now,
        buyer_user_id=wish.user.pk if wish.user else None,
        lines=[(number, one.product_id) for number, one in enumerate(goods, start=1)],
        touches=touches,
        bond=bond,
        stores=plain_stores(wish, ids),
        touch_window=timedelta(days=settings.LINJIA_TOUCH_WINDOW_DAYS),
        self_purchase=settings.LINJIA_SELF_PURCHASE,
    )


def plain_rules(now: datetime) -> list[RuleFact]:
    """Every rule in force: more than concern the wish do no harm."""
    names = (
        *("number", "scope", "scope_key", "level1_bp", "level2_bp", "effective_from", "effective_until"),
        *("funding", "version"),
    )
    rules = CommissionRule.objects.filter(effective_from__lte=now)
    rules = rules.filter(Q(effective_until=None) | Q(effective_until__gt=now))
    return [RuleFact(**{name: getattr(rule, name) for name in names}) for rule in rules]


def plain_freight(wish: Wish, goods: list[Goods]) -> PriceLists | None:
    if wish.region_code is None:
        return None
    products = {one.product_id for one in goods}
    code = wish.region_code
    around = {"", code[:2] + "0000", code[:4] + "00", code}
    lists = {}
    for template in FreightTemplate.objects.order_by("pk"):
        named = set(ProductFreight.objects.filter(template=template).values_list("product_id", flat=True)) & products
        if named or (template.is_default and template.supplier_id in {one.supplier_id for one in goods}):
            rules = template.rules.filter(region_code__in=around).order_by("pk")
            lists[template.pk] = PriceList(
                template.supplier_id,
                template.name,
                template.basis,
                template.is_default,
                sorted(named),
                [rule_of(rule) for rule in rules],
            )
    return PriceLists(Region.objects.filter(code=code).exists(), lists)


def plain_facts(wish: Wish) -> Facts:
    goods = [plain_goods(wish, item) for item in wish.items]
    return Facts(
        goods=goods,
        credit=plain_credit(wish, goods),
        rules=plain_rules(wish.now),
        freight=plain_freight(wish, goods),
        region_code=wish.region_code,
        recipient=None,
        has_cart=False,
    )
