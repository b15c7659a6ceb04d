"""How a store is doing: visits, orders, sales and commissions of its last days. Amounts in fen.

Days are those of the site's time zone. May be a second late; nothing is decided by these numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from distributors.commissions.models import Commission
from distributors.links.models import Touch
from distributors.links.queries import visits_by_day
from distributors.stores.models import Store
from orders.lifecycle.models import OrderLine
from orders.lifecycle.states import OrderState
from shop.base.money import proportion
from shop.coupons.models import CouponUse


@dataclass(frozen=True)
class Day:
    """One day of a store."""

    day: date
    visits: int = 0
    orders: int = 0
    sales_fen: int = 0
    earned_fen: int = 0


@dataclass(frozen=True)
class Figure:
    """One number of a time, the same of the time before, and its way day by day."""

    value: int
    before: int
    days: tuple[int, ...]

    @property
    def change_bp(self) -> int | None:
        """How much more than before, in basis points; None when there was nothing before."""
        return None if self.before == 0 else (self.value - self.before) * 10_000 // self.before


@dataclass(frozen=True)
class Figures:
    """What the overview shows of a number of days."""

    days: tuple[Day, ...]
    visits: Figure
    orders: Figure
    sales: Figure
    earned: Figure

    @property
    def conversion_bp(self) -> int | None:
        """Orders per visit in basis points."""
        return self.orders.value * 10_000 // self.visits.value if self.visits.value else None

    @property
    def average_fen(self) -> int | None:
        """Sales per order."""
        return proportion(self.sales.value, 1, self.orders.value) if self.orders.value else None


@dataclass(frozen=True)
class BestSeller:
    """A product and what it brought the store in these days."""

    number: str
    title: str
    product_id: int
    visits: int
    orders: int
    earned_fen: int


def start_of(days: int, now: datetime) -> datetime:
    """Return where the last ``days`` days begin: midnight of the first; today is the last of them."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days - 1)


def figures_of(store: Store, *, days: int, now: datetime) -> Figures:
    """Return a store's figures of the last days and of as many before. Three statements."""
    since = start_of(days, now)
    before = since - timedelta(days=days)
    by_day = _by_day(store, since=before, until=now)
    first = timezone.localtime(before).date()
    all_days = [by_day.get(first + timedelta(days=place)) for place in range(2 * days)]
    rows = [day or Day(first + timedelta(days=place)) for place, day in enumerate(all_days)]
    earlier, present = rows[:days], tuple(rows[days:])

    def figure(name: str) -> Figure:
        values = tuple(int(getattr(day, name)) for day in present)
        return Figure(sum(values), sum(int(getattr(day, name)) for day in earlier), values)

    return Figures(
        days=present,
        visits=figure("visits"),
        orders=figure("orders"),
        sales=figure("sales_fen"),
        earned=figure("earned_fen"),
    )


def _by_day(store: Store, *, since: datetime, until: datetime) -> dict[date, Day]:
    facts: dict[date, dict[str, int]] = {}
    for seen in visits_by_day(store, since=since, until=until):
        facts.setdefault(seen.day, {})["visits"] = seen.touches
    sold = (
        OrderLine.objects.filter(store=store, order__paid_at__gte=since, order__paid_at__lt=until)
        .annotate(day=TruncDate("order__paid_at"))
        .values("day")
        .annotate(orders=Count("order_id", distinct=True), paid=Sum("paid_fen"))
        .order_by("day")
    )
    for row in sold:
        facts.setdefault(row["day"], {}).update(orders=row["orders"], sales_fen=int(row["paid"]))
    earned = (
        Commission.objects.filter(store=store, accrued_at__gte=since, accrued_at__lt=until)
        .annotate(day=TruncDate("accrued_at"))
        .values("day")
        .annotate(left=Sum(F("amount_fen") - F("clawed_back_fen")))
        .order_by("day")
        .values_list("day", "left")
    )
    for day, left_fen in earned:
        facts.setdefault(day, {})["earned_fen"] = int(left_fen)
    return {day: Day(day, **found) for day, found in facts.items()}


def unpaid_estimate_fen(store: Store) -> int:
    """Return what the store will earn when the orders that wait for payment are paid."""
    rows = OrderLine.objects.filter(Q(store=store) | Q(referrer_store=store), order__state=OrderState.PLACED).aggregate(
        own=Sum("level1_fen", filter=Q(store=store), default=0),
        team=Sum("level2_fen", filter=Q(referrer_store=store), default=0),
    )
    return int(rows["own"]) + int(rows["team"])


def best_sellers(store: Store, *, days: int, now: datetime, limit: int = 5) -> list[BestSeller]:
    """Return the products that brought the store most in these days. Two statements."""
    since = start_of(days, now)
    sold = (
        OrderLine.objects.filter(store=store, order__paid_at__gte=since, order__paid_at__lt=now)
        .values("product_id", "product__number", "product__title")
        .annotate(
            orders=Count("order_id", distinct=True),
            earned=Sum("level1_fen"),
        )
        .order_by("-earned", "-orders", "product_id")[:limit]
    )
    rows = list(sold)
    seen = dict(
        Touch.objects.filter(
            store_id=store.pk, at__gte=since, at__lt=now, product_id__in=[row["product_id"] for row in rows]
        )
        .values("product_id")
        .annotate(count=Count("number"))
        .values_list("product_id", "count")
    )
    return [
        BestSeller(
            number=row["product__number"],
            title=row["product__title"],
            product_id=row["product_id"],
            visits=seen.get(row["product_id"], 0),
            orders=row["orders"],
            earned_fen=int(row["earned"]),
        )
        for row in rows
    ]


# The winning touch of a line stands in its evidence by number; touches may be a window older than orders.
_ORDERS_OF_LINKS = """
SELECT t.token, count(DISTINCT l.order_id)
FROM lifecycle_orderline l
JOIN lifecycle_order o ON o.id = l.order_id AND o.paid_at >= %(since)s
CROSS JOIN LATERAL jsonb_array_elements_text(
    CASE jsonb_typeof(l.credit_evidence->'touches') WHEN 'array' THEN l.credit_evidence->'touches' ELSE '[]' END
) won(number)
JOIN links_touch t ON t.number = won.number AND t.store_id = l.store_id
    AND t.at >= %(touched)s AND t.token = ANY(%(tokens)s)
WHERE l.store_id = %(store)s
GROUP BY t.token
"""


def orders_of_links(store: Store, tokens: Sequence[str], *, since: datetime) -> dict[str, int]:
    """Return how many paid orders each of the store's links won since then. One statement."""
    window = timedelta(days=settings.LINJIA_TOUCH_WINDOW_DAYS)
    facts: dict[str, Any] = {"store": store.pk, "since": since, "touched": since - window, "tokens": list(tokens)}
    with connection.cursor() as cursor:
        cursor.execute(_ORDERS_OF_LINKS, facts)
        return dict(cursor.fetchall())


def sold_by_codes(store: Store, codes: Sequence[str]) -> dict[str, int]:
    """Return for how much goods each of the store's coupon codes sold, in fen: paid orders, what went back left out."""
    uses = CouponUse.objects.filter(returned_at=None, claim__code__in=list(codes))
    code_of = dict(uses.values_list("order_number", "claim__code"))
    lines = OrderLine.objects.filter(order__number__in=code_of, order__paid_fen__gt=0, store=store)
    sold: dict[str, int] = {}
    for number, paid_fen, refunded_fen in lines.values_list("order__number", "paid_fen", "refunded_fen"):
        sold[code_of[number]] = sold.get(code_of[number], 0) + paid_fen - refunded_fen
    return sold
