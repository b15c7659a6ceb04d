"""One coupon that everybody uses: its row counts every order, so they wait for each other there, and for how long?"""

from collections.abc import Callable
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from orders.lifecycle.models import Order
from shop.coupons.models import Coupon, CouponUse
from tests.bench.case import Bench, case
from tests.bench.cases_trade import Shop, _looking_around, _placing, _two, shop_of
from tests.bench.measure import Row, compare

SPREAD = 300
# Everybody holds one piece, of the coupons given: what she held before has ended.
_PIECES = """
UPDATE coupons_couponclaim SET state = 'expired' WHERE state = 'claimed';
INSERT INTO coupons_couponclaim (number, coupon_id, user_id, turn, code, state, claimed_at, use_from, use_until, order_number)
SELECT 'C' || left(md5(random()::text), 24), c, u, 1 + (SELECT count(*) FROM coupons_couponclaim x WHERE x.coupon_id = c AND x.user_id = u),
    '', 'claimed', now(), now(), now() + interval '9 days', ''
FROM (
    SELECT u, (%(coupons)s::bigint[])[1 + (n - 1) %% cardinality(%(coupons)s::bigint[])] AS c
    FROM unnest(%(users)s::bigint[]) WITH ORDINALITY AS x(u, n)
) given;
"""


def _coupons(count: int) -> list[int]:
    now = timezone.now()
    made = Coupon.objects.bulk_create(
        Coupon(
            code=f"BENCH{place}",
            name="春日满减",
            amount_fen=500,
            min_fen=1_000,
            claim_from=now - timedelta(days=1),
            claim_until=now + timedelta(days=9),
            use_days=9,
            per_person_max=1_000,
            pieces_max=10**9,
            budget_fen=10**12,
            state="open",
            created_at=now,
        )
        for place in range(count)
    )
    return [one.pk for one in made]


@case("hot coupon")
def hot_coupon(bench: Bench) -> list[Row]:
    """Orders of two suppliers' goods: all with one coupon, with one of 300, and with none."""
    database, shop = shop_of(bench, "coupon")
    one, *many = _coupons(1 + SPREAD)
    with bench.stack.web(database) as web:
        _looking_around(web.port, shop)
        same, other, none = bench.interleaved(
            *(_with(shop, coupons, web.port, bench.seconds) for coupons in ([one], many, []))
        )
    return [
        compare("orders with one coupon for all, to one of 300", own=same, limit=other, unit="/s", at_least=0.5),
        compare("orders with one coupon for all, to orders without", own=same, limit=none, unit="/s", at_least=0.5),
    ]


def _with(shop: Shop, coupons: list[int], port: int, seconds: float) -> Callable[[], float]:
    users = [one.user_id for one in shop.people]

    def placed() -> float:
        with connection.cursor() as cursor:
            cursor.execute(_PIECES, {"coupons": coupons or [0], "users": users if coupons else []})
        before = Order.objects.count(), CouponUse.objects.count()
        rate = _placing(port, shop, seconds, lambda: _two(shop))
        orders, uses = Order.objects.count() - before[0], CouponUse.objects.count() - before[1]
        if uses != (orders if coupons else 0):
            raise RuntimeError(f"{orders} orders used {uses} coupons")
        return rate

    return placed
