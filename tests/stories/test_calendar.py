"""The year ends, months have 28 to 31 days, and abroad the clocks are turned: nothing of ours shifts by it (F12).

All of it runs as an operator abroad may run us: the process stands in New York's time, and so does whoever opens a
session at the database and says nothing else. Moments are handed in, as the edges do; they lie in the past, because the
database closes no day that its own clock has not left behind. That clock is not turned: what it stamps itself
(``posted_at`` of the books) is set to the story's moments behind the guards. What does turn a process's clock is
tests/faults/test_clock_skew.py; how far the gateway's may be off, tests/shop/test_gateways_notices.py. Not played: a
database whose own clock jumps, and the gateway's bills at its midnight (days apart: tests/shop/test_gateways_book.py).
"""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from distributors.links import actions as links
from distributors.links.models import Bond
from distributors.links.tasks import MONTHS_AHEAD
from distributors.payouts import actions as payouts
from distributors.payouts.models import PayoutHold
from distributors.payouts.rules import TooManyWithdrawals
from distributors.stores.models import Store
from orders.flow import delivery
from orders.lifecycle.models import Order, OrderLine
from orders.payments.models import Reconciliation
from orders.settlements import statements
from orders.settlements.models import Statement
from orders.settlements.rules import period_start
from orders.web.dashboard.figures import figures_of
from shop.coupons.actions import claim
from shop.coupons.panel import MomentField
from shop.ledger.actions import close_days
from shop.ledger.export import beancount_lines
from shop.ledger.models import DailyDigest
from shop.ledger.queries import verify
from shop.personal import actions as leaving
from shop.personal.models import Leaving
from shop.personal.rules import years_after
from shop.web.coupon_cards import piece_cards
from shop.work.models import Due
from shop.work.sweep import database_now
from tests import world
from tests.asking import Caller, told
from tests.distributors import sellers
from tests.orders import trade
from tests.shop.coupons import coupon

pytestmark = pytest.mark.django_db
ABROAD = "America/New_York"
SHANGHAI = ZoneInfo("Asia/Shanghai")
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
# The first second of a year in Shanghai is 16:00 of New Year's Eve in UTC, and eleven in the morning in New York.
NEW_YEAR = datetime(2026, 1, 1, tzinfo=SHANGHAI).astimezone(UTC)
EVE = NEW_YEAR - SECOND
WINDOW = 7 * DAY
EARNED = 6_000 + 800  # a piece of tea at its supply price, and its freight


@pytest.fixture(scope="module", autouse=True)
def abroad(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Move the process and the database's own setting to New York, and connect anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", ABROAD)
        time.tzset()
        _set_zone(django_db_blocker, f"SET timezone = '{ABROAD}'")
        yield
        _set_zone(django_db_blocker, "RESET timezone")
    time.tzset()


def _set_zone(django_db_blocker: Any, change: str) -> None:
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {connection.ops.quote_name(connection.settings_dict['NAME'])} {change}")
        connection.close()


def sql(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def in_new_york() -> None:
    """For what SQL itself works out, until the test ends: no instant may be read by Django meanwhile."""
    sql(f"SET LOCAL TIME ZONE '{ABROAD}'")


def tea(store: Store, *, at: datetime) -> Order:
    """A piece of tea, led to by a store, paid for at that moment."""
    with time_machine.travel(at, tick=False):
        return trade.bought((world.product(world.yunling(), "云岭白茶"), 1, store))


def a_seller(at: datetime) -> Store:
    """A store with a payee, while one in ten fen of a sale is a commission."""
    with time_machine.travel(at, tick=False):
        world.rule(1_000, 0)
        store = world.store()
        sellers.payee(store)
    return store


def windows_end(*orders: Order, now: datetime) -> tuple[int, int]:
    """Close what is over by then and settle what is due; return how many commissions and earnings."""
    for order in orders:
        for part in trade.parts(order):
            delivery.complete_supplier_order(number=part.number, now=now)
    return trade.settle(now)


def stamp_the_books() -> None:
    """Set what the database stamps by its own clock to the moments things happened at."""
    sql("SET LOCAL session_replication_role = replica")
    sql("UPDATE ledger_journal SET posted_at = happened_at")
    sql("UPDATE ledger_transfer t SET posted_at = j.posted_at FROM ledger_journal j WHERE j.id = t.journal_id")
    sql("SET LOCAL session_replication_role = origin")


# Whose clock counts


def test_the_zones_of_process_and_database_decide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both clocks count in UTC, whatever the machine says, and a session keeps to it when its settings are reset."""
    assert time.tzname == ("EST", "EDT")
    bare = connection.get_new_connection(connection.get_connection_params() | {"options": ""})
    with bare.cursor() as cursor:
        cursor.execute("SHOW timezone")
        assert cursor.fetchone() == (ABROAD,)
    bare.close()
    monkeypatch.setenv("PGTZ", ABROAD)
    ours = connection.copy()
    with ours.cursor() as cursor:
        cursor.execute("SHOW timezone")
        assert cursor.fetchone() == ("UTC",)
    ours.close()
    for reset in ("SELECT 1", "RESET ALL"):
        sql(reset)
        assert sql("SHOW timezone") == [("UTC",)]
        now, theirs = timezone.now(), database_now()
        assert (now.utcoffset(), theirs.utcoffset()) == (timedelta(), timedelta())
        assert abs(now - theirs) < timedelta(minutes=1)
    # A pooler that gives us a session of another zone all the same is told of before it does harm.
    in_new_york()
    ready = Client().get("/readyz")
    assert (ready.status_code, ready.json()["clock"][:8]) == (503, "off by 1")


# The year ends


def test_two_sales_on_either_side_of_the_new_year(settings: Any) -> None:
    """Their windows end a second apart: each settles in its own second, day, statement and year."""
    settings.LINJIA_STATEMENT_PERIOD = "month"
    ahe = a_seller(EVE - 12 * DAY)
    old, new = tea(ahe, at=EVE - 10 * DAY), tea(ahe, at=EVE - 10 * DAY)
    for order, arrives in ((old, EVE - WINDOW), (new, NEW_YEAR - WINDOW)):
        trade.ship(order, now=EVE - 9 * DAY)
        trade.receive(order, now=arrives)

    moment = timedelta(microseconds=1)
    settled = [windows_end(old, new, now=at) for at in (EVE - moment, EVE, NEW_YEAR - moment, NEW_YEAR)]
    assert settled == [(0, 0), (1, 2), (0, 0), (1, 2)]
    assert sellers.money(ahe)["available"] == 2 * 980
    stamp_the_books()

    # Days: a year's last one ends with the year in Shanghai, and what was settled stands in its own.
    assert NEW_YEAR + DAY not in {day.until_at for day in close_days(now=NEW_YEAR + DAY - moment)}
    assert [day.date for day in close_days(now=NEW_YEAR + DAY)] == [date(2026, 1, 1)]
    last, first = DailyDigest.objects.filter(date__gte=date(2025, 12, 31)).order_by("date")
    assert (last.date, last.until_at, last.transfers_count) == (date(2025, 12, 31), NEW_YEAR, 3)
    assert (first.date, first.until_at, first.transfers_count) == (date(2026, 1, 1), NEW_YEAR + DAY, 3)
    assert verify() == []

    # Statements: December's has the one, January's the other.
    february = datetime(2026, 2, 1, tzinfo=SHANGHAI)
    made = [statements.close_statements(now=at) for at in (EVE, NEW_YEAR, february - SECOND, february)]
    assert made == [0, 1, 0, 1]
    facts = Statement.objects.order_by("pk").values_list("from_date", "until_date", "settled_fen", "closing_fen")
    assert list(facts) == [
        (date(2025, 12, 1), date(2026, 1, 1), EARNED, EARNED),
        (date(2026, 1, 1), date(2026, 2, 1), EARNED, 2 * EARNED),
    ]

    # An auditor abroad comes to the same digests.
    in_new_york()
    again = "ledger_day_digest(d.date, d.since, d.until_at, d.previous)"
    days = "SELECT *, lag(until_at, 1, '-infinity') OVER (ORDER BY date) AS since FROM ledger_dailydigest"
    assert sql(
        f"SELECT count(*) FILTER (WHERE digest = ({again}).digest) = count(*), count(*) > 9 FROM ({days}) d"
    ) == [(True, True)]


def test_the_days_withdrawals_begin_anew_at_midnight_in_shanghai(settings: Any) -> None:
    """Not at midnight in UTC or New York; who is too early is told a second that is late enough."""
    settings.LINJIA_WITHDRAWALS_PER_DAY_MAX = 1
    ahe = a_seller(EVE - 20 * DAY)
    order = tea(ahe, at=EVE - 15 * DAY)
    trade.ship(order, now=EVE - 14 * DAY)
    trade.receive(order, now=EVE - 13 * DAY)
    assert windows_end(order, now=EVE - 6 * DAY) == (1, 2)

    def ask(at: datetime) -> datetime | None:
        """Ask for a yuan; return when one may ask again, None when it was granted."""
        try:
            with transaction.atomic():
                payouts.request(store=ahe, amount_fen=100, now=at)
        except TooManyWithdrawals as refused:
            return at + refused.extra["retry_after_seconds"] * SECOND
        return None

    half = SECOND / 2
    assert [ask(EVE), ask(EVE), ask(EVE + half)] == [None, NEW_YEAR, NEW_YEAR + half]
    abroad = [NEW_YEAR + timedelta(hours=hours) for hours in (8, 13)]
    assert [ask(NEW_YEAR), *map(ask, abroad)] == [None, NEW_YEAR + DAY, NEW_YEAR + DAY]
    assert [ask(NEW_YEAR + DAY - 3 * half), ask(NEW_YEAR + DAY)] == [NEW_YEAR + DAY + half, None]


def test_what_is_shown_of_the_new_year() -> None:
    """Figures, API, export of the books, words of staff and coupons: the day and instant of Shanghai."""
    ahe = a_seller(EVE - 2 * DAY)
    orders = []
    for at in (EVE, NEW_YEAR):
        with time_machine.travel(at, tick=False):
            world.open_link(world.link(ahe), visitor_key=f"browser at {at:%H%M%S}")
        orders.append(tea(ahe, at=at))
    with time_machine.travel(NEW_YEAR + timedelta(hours=1), tick=False):
        figures = figures_of(ahe, days=2, now=timezone.now())
        told_of = [told(Caller(orders[0].user).get(f"/api/v1/orders/{order.number}/")) for order in orders]
    assert [(day.day, day.visits, day.orders) for day in figures.days] == [
        (date(2025, 12, 31), 1, 1),
        (date(2026, 1, 1), 1, 1),
    ]
    assert [one["paid_at"] for one in told_of] == ["2025-12-31T23:59:59+08:00", "2026-01-01T00:00:00+08:00"]

    paid = [line for line in beancount_lines() if '"payment_received"' in line]
    assert [line[:10] for line in paid] == ["2025-12-31", "2026-01-01"]
    assert str(PayoutHold(cause="staff", placed_at=NEW_YEAR)) == "staff 2026-01-01 00:00"
    assert str(Reconciliation(gateway="sandbox", started_at=EVE)) == "sandbox 2025-12-31 23:59"

    with time_machine.travel(EVE, tick=False):
        made = coupon("NEWYEAR", use_from=NEW_YEAR, use_until=NEW_YEAR + 9 * DAY, use_days=None)
        piece = claim(coupon=made, user=orders[0].user, now=EVE)
    (card,) = piece_cards([piece], EVE)
    assert "2026-01-01" in card.note
    # What somebody types in a back office is the clock on the wall in Shanghai.
    assert MomentField().clean("2026-01-01T00:00") == NEW_YEAR


# Clocks are turned abroad


@pytest.mark.parametrize("turned", [date(2025, 11, 2), date(2026, 3, 8)])
def test_windows_keep_their_seconds_while_clocks_are_turned(turned: date) -> None:
    """A week abroad has 169 hours now, or 167; ours has 168: nothing settles early, nothing late."""
    noon = datetime(turned.year, turned.month, turned.day, 12, tzinfo=ZoneInfo(ABROAD)) - DAY
    start = noon.astimezone(UTC)
    ahe = a_seller(start - 2 * DAY)
    order = tea(ahe, at=start)
    with time_machine.travel(start, tick=False):
        trade.ship(order)
        piece = claim(coupon=coupon(), user=order.user, now=start)
    (part,) = trade.parts(order)
    _the_database_counts_hours(order, start)
    trade.receive(order, now=start)

    order.refresh_from_db()
    (line,) = trade.lines(order)
    bond = Bond.objects.get(user=order.user)
    waits = dict(Due.objects.filter(subject=part.number).values_list("what", "due_at"))
    assert order.expires_at == start + timedelta(minutes=settings.LINJIA_PAYMENT_MINUTES)
    assert part.auto_receive_at == start + timedelta(hours=24 * settings.LINJIA_AUTO_RECEIVE_DAYS)
    assert bond.valid_until == bond.started_at + timedelta(hours=24 * settings.LINJIA_BOND_VALID_DAYS)
    assert piece.use_until == start + timedelta(hours=24 * 10)
    assert line.window_ends_at == waits["supplier_order.complete"] == start + timedelta(hours=7 * 24)

    end = line.window_ends_at
    assert [windows_end(order, now=at) for at in (end - SECOND, end)] == [(0, 0), (1, 2)]
    in_new_york()
    seconds = "SELECT extract(epoch FROM window_ends_at - received_at)::int FROM lifecycle_orderline"
    assert sql(seconds) == [(7 * 24 * 3600,)]


def _the_database_counts_hours(order: Order, start: datetime) -> None:
    """Also in a session abroad it refuses a window a second short of its hours, and no other."""
    lines = OrderLine.objects.filter(order=order)
    for short, is_refused in ((1, True), (0, False)):
        until = start + WINDOW - short * SECOND
        try:
            with transaction.atomic():
                in_new_york()
                lines.update(received_at=start, window_ends_at=until)
                transaction.set_rollback(True)
        except DatabaseError:
            assert is_refused
        else:
            assert not is_refused


# Months


def test_the_months_of_a_year_to_come_are_there_before_it_begins() -> None:
    """What October opened takes the first touches of January, each in the month of UTC it belongs to."""
    share = world.link(world.store())
    october = datetime(2025, 10, 31, 23, tzinfo=UTC)
    in_new_york()
    links.open_months(now=october, months=MONTHS_AHEAD, retention_months=240)
    sql("SET LOCAL TIME ZONE 'UTC'")
    year = datetime(2026, 1, 1, tzinfo=UTC)
    for at in (year - timedelta(microseconds=1), year):
        world.open_link(share, visitor_key=f"browser of {at:%Y}", at=at)
    places = sql("SELECT at, tableoid::regclass::text FROM links_touch ORDER BY at")
    assert places == [
        (year - timedelta(microseconds=1), "links_touch_202512"),
        (year, "links_touch_202601"),
    ]
    # Two months are kept, so with the year's first moment in UTC, and not before, October's may go.
    gone = [
        links.open_months(now=at, months=1, retention_months=2)[1]
        for at in (NEW_YEAR.astimezone(SHANGHAI), year - SECOND, year)
    ]
    assert gone == [0, 0, 1]
    assert sql("SELECT to_regclass('links_touch_202510') IS NULL, to_regclass('links_touch_202511') IS NULL") == [
        (True, False)
    ]


def test_months_follow_one_another_whatever_day_they_are_opened_on() -> None:
    """From the 31st, from a leap day, over the end of a year, in a session abroad: no gap, no overlap."""
    in_new_york()
    for day in ((2023, 12, 31), (2024, 2, 29), (2024, 5, 31)):
        links.open_months(now=datetime(*day, 23, 59, tzinfo=UTC), months=4, retention_months=240)
    sql("SET LOCAL TIME ZONE 'UTC'")
    bounds = sql(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition AND relkind = 'r' AND relname BETWEEN 'links_touch_202312' "
        "AND 'links_touch_202408' ORDER BY relname"
    )
    starts = [f"20{month}-01 00:00:00+00" for month in ("23-12", *(f"24-{number:02}" for number in range(1, 10)))]
    assert [bound for (bound,) in bounds] == [
        f"FOR VALUES FROM ('{since}') TO ('{until}')" for since, until in pairwise(starts)
    ]


def test_periods_and_years_by_the_calendar() -> None:
    """Weeks run over the new year; a year after a leap day nothing ends a day early, nor after five with two of them."""
    eve, new, leap = date(2025, 12, 31), date(2026, 1, 1), date(2024, 2, 29)
    assert [period_start(day, "week") for day in (eve, new, leap)] == [date(2025, 12, 29)] * 2 + [date(2024, 2, 26)]
    assert [period_start(day, "month") for day in (eve, new, leap)] == [date(2025, 12, 1), new, date(2024, 2, 1)]

    def after(years: int, moment: str) -> str:
        begun = datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI).astimezone(UTC)
        return f"{years_after(begun, years, SHANGHAI).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"

    assert after(1, "2024-02-29 12:00") == "2025-03-01 12:00"
    assert after(4, "2024-02-29 12:00") == "2028-02-29 12:00"
    assert after(5, "2027-03-01 00:30") == "2032-03-01 00:30"
    assert after(3, "2026-01-01 00:30") == "2029-01-01 00:30"


def test_records_are_kept_for_whole_years(settings: Any) -> None:
    """Five years with two leap days are 1827 days."""
    settings.LINJIA_RECORD_YEARS = 5
    su = world.person("苏 Su")
    left = datetime(2023, 3, 1, 12, tzinfo=UTC)
    leaving.leave(user=su, now=left - settings.LINJIA_LEAVING_DAYS * DAY)
    leaving.erase(number=su.number, now=left)
    assert Leaving.objects.get(user=su).expires_at == datetime(2028, 3, 1, 12, tzinfo=UTC)
