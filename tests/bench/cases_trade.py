"""Money: placing orders, one hot SKU, a flash sale with a killed worker, settling a million commissions, balances."""

import json
import os
import random
import secrets
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from distributors.commissions.actions import settle_due
from distributors.commissions.tasks import BATCH
from distributors.links.models import Bond, Touch, Visitor
from distributors.links.tasks import open_months
from distributors.stores.models import Store
from orders.lifecycle.models import Order
from shop.accounts.models import AccessToken, Address, User
from shop.base.numbers import new_number, new_token, token_hash
from shop.catalogue.models import Product, Sku
from shop.ledger.queries import balance_fen
from shop.pricing.models import SkuPrice
from shop.stock.models import StockItem
from shop.suppliers.models import Supplier
from tests import world
from tests.bench.case import Bench, case
from tests.bench.limits_trade import PLACE, SETTLE
from tests.bench.load import load, request
from tests.bench.measure import Row, Series, compare, counted, times

SKUS, SUPPLIERS, PEOPLE = 1_000, 10, 3_000
PIECES, BUYERS = 500, 64
ORDERS_BEFORE = 1_000
COMMISSIONS = int(os.environ.get("LINJIA_BENCH_COMMISSIONS", "1000000"))
PLENTY = 10_000_000
_SEED = "trade_seed"


@dataclass(frozen=True)
class Person:
    """A signed-in customer of a store, on one device."""

    user_id: int
    token: str
    address: str
    visitor: str


@dataclass(frozen=True)
class Shop:
    """What requests are made of. ``skus`` holds (id, number) by supplier."""

    people: list[Person]
    skus: list[list[tuple[int, str]]]
    store: str


_shops: dict[str, Shop] = {}


def shop_of(bench: Bench, name: str) -> tuple[str, Shop]:
    """Return a fresh database with a shop in it, and the shop; the seed is made once."""
    if _SEED not in _shops:
        bench.stack.fresh(_SEED)
        shop = _shops[_SEED] = _seed()
        call_command("grant_app_role", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute(PLACE)
            # A shop that runs has orders: told that a table is empty, sessions plan to read all of it, and go on so.
            for _turn in range(ORDERS_BEFORE):
                person, (first, second) = random.choice(shop.people), sorted(random.sample(shop.skus, 2))
                cursor.execute("SELECT bench_place(%s, %s, %s)", [person.user_id, first[0][0], second[0][0]])
            cursor.execute("ANALYZE")
    database = bench.stack.fresh(name, template=f"bench_{_SEED}")
    return database, _shops[_SEED]


def _seed() -> Shop:
    open_months()
    world.places()
    world.rule(500, 200)
    store = world.ahe()
    suppliers = [
        world.supplier(f"供应商{place}", code=f"supplier{place}", owner=f"老板{place}") for place in range(SUPPLIERS)
    ]
    _stock_up(suppliers)
    now = timezone.now()
    users = User.objects.bulk_create(
        User(phone=f"150{place:08d}", name=f"顾客{place}", password="!") for place in range(PEOPLE)
    )
    addresses = Address.objects.bulk_create(
        Address(
            user=user,
            name=user.name,
            phone=f"150{place:08d}",
            region_code=world.XIHU,
            region_names="浙江省 杭州市 西湖区",
            detail="灵隐路 1 号",
        )
        for place, user in enumerate(users)
    )
    people = [
        Person(user.pk, new_token(32), address.number, new_token(32))
        for user, address in zip(users, addresses, strict=True)
    ]
    AccessToken.objects.bulk_create(
        AccessToken(
            user_id=one.user_id,
            kind="access",
            token_hash=token_hash(one.token),
            family=new_number("F"),
            expires_at=now + timedelta(days=30),
        )
        for one in people
    )
    _lead(store, people)
    skus = [list(Sku.objects.filter(supplier=one).order_by("pk").values_list("pk", "number")) for one in suppliers]
    return Shop(people, skus, store.code)


def _stock_up(suppliers: list[Supplier]) -> None:
    """Every supplier has its share of the SKUs on sale, ¥98 each, and more pieces than anybody buys."""
    now, shelf = timezone.now(), world.category()
    products = Product.objects.bulk_create(
        Product(
            supplier=one,
            category=shelf,
            handle=f"goods-{place}",
            title=f"{one.name}货品{place}",
            state="on_sale",
            on_sale_at=now,
            reviewed_version=1,
        )
        for one in suppliers
        for place in range(SKUS // SUPPLIERS)
    )
    skus = Sku.objects.bulk_create(Sku(product=one, supplier_id=one.supplier_id, weight_g=250) for one in products)
    SkuPrice.objects.bulk_create(
        SkuPrice(sku=one, supply_fen=6_000, retail_fen=9_800, floor_fen=9_000, ceiling_fen=12_000) for one in skus
    )
    StockItem.objects.bulk_create(StockItem(sku=one, received=PLENTY, on_hand=PLENTY) for one in skus)


def _lead(store: Store, people: list[Person]) -> None:
    """Everybody came by a link of the store and is bound to it."""
    now, link = timezone.now(), world.link(store)
    term = {"protected_until": now + timedelta(days=15), "valid_until": now + timedelta(days=365)}
    Visitor.objects.bulk_create(
        Visitor(key_hash=token_hash(one.visitor), user_id=one.user_id, created_at=now, merged_at=now) for one in people
    )
    Bond.objects.bulk_create(
        Bond(user_id=one.user_id, store=store, started_at=now, reason="first_touch", **term) for one in people
    )
    Touch.objects.bulk_create(
        Touch(
            number=new_number("V"),
            at=now,
            token=link.token,
            store_id=store.pk,
            channel="link",
            visitor_hash=token_hash(one.visitor),
            user_id=one.user_id,
        )
        for one in people
    )


def order_request(shop: Shop, person: Person, wishes: list[tuple[str, int]]) -> bytes:
    """Return the bytes of placing an order, under a new key."""
    items = [{"sku": sku, "quantity": pieces, "store": shop.store} for sku, pieces in wishes]
    headers = {
        "Authorization": f"Bearer {person.token}",
        "X-Visitor-Key": person.visitor,
        "Idempotency-Key": secrets.token_hex(12),
        "Content-Type": "application/json",
    }
    body = json.dumps({"items": items, "address": person.address}).encode()
    return request("POST", "/api/v1/orders/", body=body, headers=headers)


def _placing(port: int, shop: Shop, seconds: float, wishes: Callable[[], list[tuple[str, int]]]) -> float:
    """Return how many orders a second were placed. A machine that is too busy answers 503, which counts for nothing."""
    people = random.sample(shop.people, len(shop.people))
    turn = iter(range(10**9))
    done = load(
        port=port,
        next_request=lambda _client: order_request(shop, people[next(turn) % len(people)], wishes()),
        seconds=seconds,
    )
    if not done.statuses[201] or set(done.statuses) - {201, 503}:
        raise RuntimeError(f"orders were not placed: {done.statuses}")
    return done.statuses[201] / done.seconds


def _looking_around(port: int, shop: Shop) -> None:
    """Everybody asks for a page of her own first, as somebody does who is about to order: what happens once per sign-in
    and device has happened.
    """
    headers = [{"Authorization": f"Bearer {one.token}", "X-Visitor-Key": one.visitor} for one in shop.people]
    asked = iter([request("GET", "/api/v1/me/", headers=each) for each in headers])
    done = load(port=port, next_request=lambda _client: next(asked, None), seconds=120.0)
    if set(done.statuses) - {200, 503}:
        raise RuntimeError(f"not everybody was let in: {done.statuses}")


def _two(shop: Shop) -> list[tuple[str, int]]:
    first, second = random.sample(shop.skus, 2)
    return [(random.choice(first)[1], 1), (random.choice(second)[1], 2)]


@case("place order")
def place_order(bench: Bench) -> list[Row]:
    """Two suppliers, signed in, priced, with freight, attribution and an idempotency key."""
    database, shop = shop_of(bench, "place")
    low, high = shop.people[0].user_id, shop.people[-1].user_id
    first, second = shop.skus[0], shop.skus[-1]
    script = (
        f"\\set u random({low}, {high})\n\\set a random({first[0][0]}, {first[-1][0]})\n"
        f"\\set b random({second[0][0]}, {second[-1][0]})\nSELECT bench_place(:u, :a, :b);\n"
    )
    with bench.stack.web(database) as web:
        _looking_around(web.port, shop)
        _placing(web.port, shop, 2.0, lambda: _two(shop))
        own, limit = bench.interleaved(
            lambda: _placing(web.port, shop, bench.seconds, lambda: _two(shop)),
            lambda: bench.stack.pgbench(database, script, seconds=bench.seconds).rate,
            times=3,
        )
    return [compare("place order over HTTP, 16 clients", own=own, limit=limit, unit="/s", at_least=0.25)]


@case("hot SKU")
def hot_sku(bench: Bench) -> list[Row]:
    """Everybody wants the same SKU, against everybody another one."""
    database, shop = shop_of(bench, "hot")
    hot = shop.skus[0][0][1]
    with bench.stack.web(database) as web:
        _looking_around(web.port, shop)
        _placing(web.port, shop, 2.0, lambda: [(hot, 1)])
        same, other = bench.interleaved(
            lambda: _placing(web.port, shop, bench.seconds, lambda: [(hot, 1)]),
            lambda: _placing(web.port, shop, bench.seconds, lambda: [(random.choice(random.choice(shop.skus))[1], 1)]),
        )
    return [compare("orders of one hot SKU, to orders of 1,000 SKUs", own=same, limit=other, unit="/s", at_least=0.5)]


@case("flash sale")
def flash_sale(bench: Bench) -> list[Row]:
    """500 pieces, 64 clients, and a web worker that is killed in between."""
    database, shop = shop_of(bench, "flash")
    sku_id, sku = shop.skus[0][0]
    left = StockItem.objects.get(sku_id=sku_id).on_hand - PIECES
    StockItem.objects.filter(sku_id=sku_id).update(
        on_hand=PIECES, received=StockItem.objects.get(sku_id=sku_id).received - left
    )
    # The orders that stand before hold pieces of it too.
    orders_before, reserved_before = Order.objects.count(), StockItem.objects.get(sku_id=sku_id).reserved
    acknowledged: set[str] = set()
    refused: list[int] = []
    killed: list[int] = []
    turn = iter(range(10**9))
    with bench.stack.web(database) as web:

        def heard(_client: int, status: int, body: bytes) -> None:
            if status == 201:
                acknowledged.add(json.loads(body)["number"])
            elif status == 409:
                refused.append(status)
            if len(acknowledged) == PIECES // 3 and not killed:
                killed.append(web.workers()[0])
                os.kill(killed[0], signal.SIGKILL)

        def ask(_client: int) -> bytes | None:
            # Until everybody has heard that it is over.
            if len(refused) >= BUYERS:
                return None
            return order_request(shop, shop.people[next(turn) % len(shop.people)], [(sku, 1)])

        done = load(port=web.port, next_request=ask, clients=BUYERS, seconds=45.0, heard=heard)
    item = StockItem.objects.get(sku_id=sku_id)
    kept = set(Order.objects.filter(number__in=acknowledged).values_list("number", flat=True))
    orders = Order.objects.count() - orders_before
    if not killed:
        raise RuntimeError("no worker was killed")
    return [
        counted(
            "pieces sold, a worker killed in between",
            own=item.reserved - reserved_before,
            unit="pieces",
            exactly=PIECES,
        ),
        counted("pieces sold that were not there", own=max(0, orders - PIECES), unit="pieces", exactly=0),
        counted("acknowledged orders lost", own=len(acknowledged - kept), unit="orders", exactly=0),
        Row("orders in the rush, 64 clients", f"{len(acknowledged)} acknowledged, {done.broken} connections broken"),
    ]


_DUE = """
INSERT INTO commissions_commission (order_number, line, level, store_id, base_fen, rate_bp, amount_fen, clawed_back_fen,
    state, rule_number, accrued_at, due_at)
SELECT %s || lpad(n::text, 16, '0'), 1, 1, (%s::bigint[])[1 + n %% cardinality(%s::bigint[])], 10000, 500, 500, 0,
    'frozen', 'R1', now() - interval '30 days', now() - interval '1 hour'
FROM generate_series(1, %s) n
"""


def _due_commissions(count: int, stores: list[int], *, tag: str = "O") -> None:
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [tag, stores, stores, count])
        # Believing in the few of before, one statement that settles them all compares each with each, for hours.
        cursor.execute("ANALYZE commissions_commission")


def _accounts(stores: list[str]) -> None:
    """The stores' accounts are there, as they are in a shop that runs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_account (path, kind, guarded, debits_fen, credits_fen)"
            " SELECT 'store/' || code || '/' || name, CASE name WHEN 'debt' THEN 'asset' ELSE 'liability' END,"
            " name <> 'frozen', 0, 0 FROM unnest(%s::text[]) code, unnest(ARRAY['frozen', 'available', 'debt']) name"
            " ON CONFLICT DO NOTHING",
            [stores],
        )


@case("settle commissions")
def settle_commissions(bench: Bench) -> list[Row]:
    """All due commissions in batches that may be stopped at any moment, against one statement that does it all."""
    figures: dict[str, float] = {}
    for way in ("limit", "own"):
        bench.stack.fresh(f"settle_{way}")
        stores = [world.ahe(), world.lin()]
        _accounts([one.code for one in stores])
        _due_commissions(COMMISSIONS, [one.pk for one in stores])
        began = time.perf_counter()
        if way == "limit":
            with connection.cursor() as cursor:
                cursor.execute(SETTLE)
        else:
            settled = 0
            while batch := settle_due(limit=BATCH, now=timezone.now()):
                settled += batch
            if settled != COMMISSIONS:
                raise RuntimeError(f"{settled} of {COMMISSIONS} settled")
        figures[way] = time.perf_counter() - began
        held = sum(balance_fen(f"store/{one.code}/available") for one in stores)
        if held != 500 * COMMISSIONS:
            raise RuntimeError(f"{way}: {held} fen are available")
    own, limit = Series([figures["own"]]), Series([figures["limit"]])
    return [times(f"settling {COMMISSIONS:,} due commissions", own=own, limit=limit, unit="s", at_most=2.0)]


@case("balances")
def balances(bench: Bench) -> list[Row]:
    """What a store's account holds, after a thousand transfers and after a million."""
    bench.stack.fresh("balances")
    few, many = world.ahe(), world.lin()
    _accounts([few.code, many.code])
    for store, count, tag in ((few, 1_000, "F"), (many, COMMISSIONS, "M")):
        _due_commissions(count, [store.pk], tag=tag)
        with connection.cursor() as cursor:
            cursor.execute(SETTLE)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE ledger_transfer, ledger_account")

    def read(store: Store) -> float:
        path = f"store/{store.code}/available"
        began = time.perf_counter()
        for _turn in range(200):
            balance_fen(path)
        return (time.perf_counter() - began) * 5

    own, limit = bench.interleaved(lambda: read(many), lambda: read(few))
    name = f"balance after {COMMISSIONS:,} transfers, to after 1,000"
    return [times(name, own=own, limit=limit, unit="ms", at_most=1.2)]
