"""Pages: kept and not kept beside a bare view, share links, growth with the rows there are, memory, start."""

import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection
from django.test import Client, override_settings

from distributors.commissions.models import Commission
from distributors.commissions.states import CommissionState
from distributors.stores.models import Store
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from shop.accounts.models import User
from shop.catalogue.models import Product, Sku
from shop.catalogue.rules import index_text
from shop.pricing.models import SkuPrice
from shop.stock.models import StockItem
from tests import world
from tests.bench.case import Bench, case
from tests.bench.load import load, request
from tests.bench.measure import Row, Series, absolute, compare, interleaved, times
from tests.bench.stack import PROJECT, Server, free_port, memory_mb

# As a phone asks; what is kept goes out packed.
PHONE = {"Accept-Language": "zh-CN", "Accept-Encoding": "gzip", "User-Agent": "MicroMessenger/8.0"}
LISTED = 200
SHELVES = 20


# --- beside a bare view ----------------------------------------------------------------------------------------------


def _rate(server: Server, path: str, seconds: float, **headers: str) -> float:
    return _rate_of(server, path, [request("GET", path, headers={**PHONE, **headers})], seconds)


def _rate_of_openings(server: Server, path: str, seconds: float) -> float:
    """Every opening is a new visitor's; of one address only 300 a minute are noted, so there are many."""
    addresses = (f"10.{place // 65536}.{place // 256 % 256}.{place % 256}" for place in range(3_000))
    asked = [request("GET", path, headers={**PHONE, "X-Forwarded-For": address}) for address in addresses]
    return _rate_of(server, path, asked, seconds)


def _rate_of(server: Server, path: str, asked: Sequence[bytes], seconds: float) -> float:
    turn = itertools.cycle(asked)
    done = load(port=server.port, next_request=lambda _client: next(turn), seconds=seconds)
    good = done.statuses[200] + done.statuses[302]
    assert good >= 0.99 * done.answers, (path, done.statuses)
    return good / done.seconds


@case("pages beside a bare view")
def beside_bare(bench: Bench) -> list[Row]:
    """Lists and pages, kept and made each time; a share link with its opening noted."""
    database = bench.stack.fresh("pages")
    numbers = _goods(LISTED)
    store = world.ahe()
    link = world.link(store)
    product = f"/p/{numbers[-1]}/"
    api_product = f"/api/v1/products/{numbers[-1]}/"
    reader = _signed_in(world.customer())
    with (
        bench.stack.bare() as bare,
        bench.stack.web(database, LINJIA_PAGE_SECONDS="300", LINJIA_PROXIES="1") as kept,
        bench.stack.web(database, LINJIA_PAGE_SECONDS="0") as made,
    ):
        wanted: list[tuple[str, float, Callable[[], float]]] = [
            ("home page, kept", 0.35, lambda: _rate(kept, "/", bench.seconds)),
            (
                "home page, kept, read by somebody signed in",
                0.35,
                lambda: _rate(kept, "/", bench.seconds, Cookie=reader),
            ),
            ("product page, kept", 0.35, lambda: _rate(kept, product, bench.seconds)),
            ("API list of 20, kept", 0.35, lambda: _rate(kept, "/api/v1/products/", bench.seconds)),
            ("API product, kept", 0.35, lambda: _rate(kept, api_product, bench.seconds)),
            ("API list of 20, made each time", 0.12, lambda: _rate(made, "/api/v1/products/", bench.seconds)),
            ("share link, opening noted", 0.35, lambda: _rate_of_openings(kept, f"/s/{link.token}", bench.seconds)),
        ]
        also: list[tuple[str, Callable[[], float]]] = [
            ("home page of 24, made each time", lambda: _rate(made, "/", bench.seconds)),
            ("product page, made each time", lambda: _rate(made, product, bench.seconds)),
            ("API product, made each time", lambda: _rate(made, api_product, bench.seconds)),
        ]
        limit, *own = bench.interleaved(
            lambda: _rate(bare, "/", bench.seconds),
            *(run for _name, _goal, run in wanted),
            *(run for _name, run in also),
        )
    rows = [
        compare(name, own=series, limit=limit, unit="/s", at_least=goal)
        for (name, goal, _run), series in zip(wanted, own, strict=False)
    ]
    rest = own[len(wanted) :]
    return rows + [
        Row(name, series.said("/s"), limit.said("/s"), f"{100 * series.median / limit.median:.0f} %")
        for (name, _run), series in zip(also, rest, strict=True)
    ]


# --- growth ----------------------------------------------------------------------------------------------------------

PAGES: dict[str, str] = {
    "home": "/",
    "home, in the middle": "/?after={middle}",
    "category": "/c/shelf-3/",
    "top category": "/c/tea/",
    "search, a rare word": "/search/?q=rare{few}",
    "search, in one of a hundred": "/search/?q=白茶 some7",
    "search, in every product": "/search/?q=白茶",
    "product": "/p/{number}/",
    "API list by sales": "/api/v1/products/?sort=sold",
    "API category by price": "/api/v1/products/?category=shelf-3&sort=price_low",
    "customer's orders": "/orders/",
    "supplier's orders": "/supplier/lifecycle/supplierorder/",
    "staff's orders": "/admin/lifecycle/order/",
    "store's orders": "/dashboard/orders/",
    "store's commissions": "/dashboard/earnings/",
}


@case("growth from 1,000 to 1,000,000 rows")
def growth(bench: Bench) -> list[Row]:
    """The median of each page with few and with many products, orders and commissions, made each time."""
    many = int(os.environ.get("LINJIA_BENCH_ROWS", "1000000"))
    sizes = sorted({1_000, min(100_000, many), many})
    # A hundred people's passwords take longer to be hashed well than a million rows to be written.
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        readers = {rows: _grown(bench, rows) for rows in sizes}
    rows_of_report = []
    with override_settings(LINJIA_PAGE_SECONDS=0, ALLOWED_HOSTS=["localhost"]):
        for name, path in PAGES.items():
            figures = interleaved(*(_median(bench, readers[rows], path) for rows in sizes), rounds=bench.rounds)
            few, *others = figures
            for rows, series in zip(sizes[1:], others, strict=True):
                rows_of_report.append(times(f"{name}, {rows:,} rows", own=series, limit=few, unit="ms", at_most=1.5))
    return rows_of_report


class _Readers:
    """Who reads what in one database."""

    def __init__(self, database: str, people: dict[str, User], words: dict[str, str]) -> None:
        self.database, self.words = database, words
        self.clients = {
            name: Client(headers={"Host": "localhost", "Accept-Language": "zh-CN"}) for name in ("", *people)
        }
        for name, user in people.items():
            self.clients[name].force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    def of(self, path: str) -> Client:
        for prefix, name in (
            ("/orders/", "customer"),
            ("/supplier/", "supplier"),
            ("/admin/", "staff"),
            ("/dash", "seller"),
        ):
            if path.startswith(prefix):
                return self.clients[name]
        return self.clients[""]


def _median(bench: Bench, readers: _Readers, path: str) -> Callable[[], float]:
    def run() -> float:
        bench.stack.use(readers.database)
        address, client = path.format(**readers.words), readers.of(path)
        waits = []
        for turn in range(14):
            at = time.perf_counter()
            answer = client.get(address)
            waits.append((time.perf_counter() - at) * 1000)
            assert answer.status_code == 200, (address, answer.status_code)
            if turn < 3:
                waits.clear()
        return statistics.median(waits)

    return run


def _grown(bench: Bench, rows: int) -> _Readers:
    """A database with so many products, orders and commissions; made by a few statements."""
    database = bench.stack.fresh(f"grown_{rows}")
    (number,) = _goods(1)
    product, customer, store = Product.objects.get(number=number), world.customer(), world.ahe()
    staff = world.person("站长")
    User.objects.filter(pk=staff.pk).update(is_staff=True, is_superuser=True)
    order = world.place(customer, [(product, 1)])
    commission = Commission.objects.create(
        order_number="seed", line=1, level=1, store=store, base_fen=9_800, rate_bp=1_000, amount_fen=980,
        state=CommissionState.FROZEN, accrued_at=world.now(),
    )  # fmt: skip
    shelves = [
        world.create_category(code=f"shelf-{place}", name=f"架 {place}", parent=product.category).pk
        for place in range(SHELVES)
    ]
    others = [world.person(f"顾客 {place}").pk for place in range(100)]
    words = index_text(["云岭白茶", "茶叶", "云岭茶业"])
    with connection.cursor() as cursor:
        # Rows as they would be after years; rules are tested elsewhere and would be checked a million times here.
        cursor.execute("SET session_replication_role = replica")
    _multiply(
        Product, product.pk, rows, number="'p' || g", handle="'h' || g", title="'云岭白茶 ' || g",
        category_id=f"(ARRAY{shelves})[1 + g %% {SHELVES}]", sold_count="g::bigint * 7919 %% 1000",
        min_retail_fen="1000 + g * 31 %% 5000",
        search_text=f"'{words} some' || g %% 100 || ' rare' || g / 5",
    )  # fmt: skip
    sku = product.skus.get()
    _multiply(Sku, sku.pk, rows, number="'k' || g", product_id="%(base)s + g", code="''")
    _multiply(SkuPrice, sku.pk, rows)
    _multiply(StockItem, sku.pk, rows)
    part, line = order.supplier_orders.get(), order.lines.get()
    paid = {"state": "'paid'", "paid_at": "placed_at", "paid_fen": "payable_fen"}
    _multiply(
        Order, order.pk, rows, number="'O' || g", user_id=f"(ARRAY{[customer.pk, *others[:99]]})[1 + g %% 100]", **paid
    )
    _multiply(
        SupplierOrder, part.pk, rows, number="'S' || g", order_id="%(order)s + g", state="'to_ship'", order=order.pk
    )
    _multiply(
        OrderLine, line.pk, rows, order_id="%(order)s + g", supplier_order_id="%(part)s + g", order=order.pk, part=part.pk,
        store_id=f"CASE WHEN g %% 100 = 0 THEN {store.pk} END",
    )  # fmt: skip
    _multiply(
        Commission,
        commission.pk,
        rows,
        order_number="'O' || g",
        store_id=f"CASE WHEN g %% 100 = 0 THEN {store.pk} ELSE 0 END",
    )
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = origin")
        for model in (Product, Sku, SkuPrice, StockItem, Order, SupplierOrder, OrderLine, Commission):
            cursor.execute(f"VACUUM ANALYZE {model._meta.db_table}")
    return _Readers(database, *_people_and_words(rows, product, customer, staff, store))


def _people_and_words(
    rows: int, product: Product, customer: User, staff: User, store: Store
) -> tuple[dict[str, User], dict[str, str]]:
    people = {
        "customer": customer, "supplier": product.supplier.members.get().user, "staff": staff,
        "seller": store.distributor.user,
    }  # fmt: skip
    facts = {"number": "p" + str(rows // 2), "middle": str(product.pk + rows // 2), "few": str(rows // 10)}
    return people, facts


def _multiply(model: type, pk: int, rows: int, **changes: str | int) -> None:
    """Copy one row so many times: its key grows by one each, other columns by the expressions over ``g``."""
    table, key = model._meta.db_table, model._meta.pk.column  # type: ignore[attr-defined]
    values = {name: value for name, value in changes.items() if isinstance(value, int)}
    terms = {name: term for name, term in changes.items() if isinstance(term, str)} | {key: "%(base)s + g"}
    columns = [field.column for field in model._meta.concrete_fields]  # type: ignore[attr-defined]
    told = ", ".join(terms.get(column, f"row.{column}") for column in columns)
    with connection.cursor() as cursor:
        # An index is built in one go sooner than row by row, above all that of the words.
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass "
            "AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)",
            [table],
        )
        indexes = cursor.fetchall()
        for name, _definition in indexes:
            cursor.execute(f"DROP INDEX {name}")
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {told} "
            f"FROM generate_series(1, %(rows)s) AS g, (SELECT * FROM {table} WHERE {key} = %(base)s) AS row",
            {"base": pk, "rows": rows, **values},
        )
        for _name, definition in indexes:
            cursor.execute(definition)


def _goods(count: int) -> list[str]:
    """Put so many teas on sale; return their numbers."""
    supplier = world.yunling()
    return [world.product(supplier, f"云岭白茶 {place}").number for place in range(count)]


def _signed_in(user: User) -> str:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


# Longer nobody waits for the figure; it says how many requests it took.
_MEMORY_SECONDS = 900.0

# --- memory and start ------------------------------------------------------------------------------------------------


@case("memory of a web worker")
def worker_memory(bench: Bench) -> list[Row]:
    """Resident memory of each web worker after 100,000 requests: nine of ten as kept pages are, one made from the database."""
    database = bench.stack.fresh("memory")
    numbers = _goods(LISTED)
    link = world.link(world.ahe())
    reader = _signed_in(world.customer())
    kept = [
        "/",
        "/c/",
        "/api/v1/products/",
        *(f"/p/{number}/" for number in numbers),
        *(f"/api/v1/products/{number}/" for number in numbers),
    ]
    left = int(os.environ.get("LINJIA_BENCH_REQUESTS", "100000"))
    count = itertools.count()

    def next_request(_client: int) -> bytes | None:
        number = next(count)
        if number >= left:
            return None
        if number % 10:
            return request("GET", kept[number % len(kept)], headers=PHONE)
        # What was never asked before, what is somebody's own, what notes something.
        turn, headers = number // 10 % 5, PHONE
        if turn == 1:
            headers = {**PHONE, "Cookie": reader}
        paths = (f"/search/?q=茶 {number}", "/me/", "/sign-in/", f"/s/{link.token}", f"/api/v1/products/?q=茶 {number}")
        return request("GET", quote(paths[turn], safe="/?=&"), headers=headers)

    with bench.stack.web(database) as web:
        began = [memory_mb(pid)[0] for pid in web.workers()]
        done = load(port=web.port, next_request=next_request, seconds=_MEMORY_SECONDS)
        rss = [memory_mb(pid)[0] for pid in web.workers()]
    assert done.statuses[200] + done.statuses[302] >= 0.99 * done.answers, done.statuses
    return [
        absolute(f"a web worker after {done.answers:,} requests", own=Series(rss), unit="MB", at_most=120),
        absolute("a web worker that has just started", own=Series(began), unit="MB"),
    ]


@case("memory of the whole stack, second start")
def whole_stack(bench: Bench) -> list[Row]:
    """`make run` for the second time: seconds to the first page, then memory of its whole process tree."""
    home = PROJECT / ".linjia" / "bench-run"
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "LINJIA_PROCESS", "LINJIA_LOG_LEVEL")
    }
    env |= {"LINJIA_HOME": str(home), "LINJIA_DEMO": "0", "PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}
    starts, rss, pss = [], [], []
    for turn in range(3):
        seconds, memory = _run_once(env)
        if turn:
            starts.append(seconds)
            rss.append(sum(one[0] for one in memory))
            pss.append(sum(one[1] for one in memory))
    return [
        absolute("second `make run` to the first page", own=Series(starts), unit="s", at_most=8),
        absolute("whole stack, memory counted once (PSS)", own=Series(pss), unit="MB", at_most=750),
        absolute("whole stack, sum of resident memory (RSS)", own=Series(rss), unit="MB"),
    ]


def _run_once(env: dict[str, str]) -> tuple[float, list[tuple[float, float]]]:
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "settings/run.py", "run"],
        cwd=PROJECT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        first = 0.0
        for line in process.stdout:
            if "Starting the web server" in line and "✓" in line and not first:
                first = time.monotonic() - began
            if "Ctrl-C stops everything" in line:
                break
        time.sleep(8)
        return first, [memory_mb(pid) for pid in _tree(process.pid)]
    finally:
        process.terminate()
        process.wait(timeout=60)


def _tree(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            found += _tree(int(child))
    return found
