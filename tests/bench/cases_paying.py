"""Money arrives: notices of payment as the channel signs them, and all that follows from each."""

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection

from orders.lifecycle.models import Order
from orders.payments.models import Payment
from shop.gateways.sandbox.forgeries import claim_with_true_keys
from shop.gateways.sandbox.world import World
from tests.bench.case import Bench, case
from tests.bench.cases_trade import Shop, shop_of
from tests.bench.limits_trade import PAY, PLACE
from tests.bench.load import load, request
from tests.bench.measure import Row, compare

# More than a second's worth of either; what a sample leaves over is for the next one.
NOTICES_A_SECOND, LIMIT_A_SECOND = 250, 2_000

# Orders that wait for their money, each asked for at the channel; the hand-written function takes one after the other.
_WAITING = """
SELECT count(bench_wait(
    (%(people)s::bigint[])[1 + floor(random() * %(persons)s)::int],
    (%(first)s::bigint[])[1 + floor(random() * %(skus)s)::int],
    (%(second)s::bigint[])[1 + floor(random() * %(skus)s)::int]))
FROM generate_series(1, %(count)s);
INSERT INTO payments_payment (number, gateway, kind, amount_fen, state, is_applied, prepay_id, code_url, client_params,
    gateway_number, transaction_id, app_id, payer_openid, refunded_fen, refund_count, fail_reason, started_at, order_id)
SELECT 'P' || substr(number, 2), 'wechat', 'jsapi', payable_fen, 'started', false, 'prepaid', '', '{}', '', '',
    '', 'openid', 0, 0, '', placed_at, id
FROM lifecycle_order WHERE id > %(before)s;
INSERT INTO work_due (what, subject, due_at, state, attempts, last_error, created_at)
SELECT 'payment.query', number, started_at + interval '1 hour', 'open', 0, '', started_at FROM payments_payment;
CREATE TABLE bench_waiting AS
SELECT order_id, row_number() OVER (ORDER BY order_id DESC) AS turn FROM payments_payment;
ALTER TABLE bench_waiting ADD PRIMARY KEY (turn);
CREATE SEQUENCE bench_turn;
"""


def _readable(place: str) -> str:
    """Return the placing function with a recipient that is sealed as an order's is, not as an address's: it is read."""
    sealed = [
        str(Order._meta.get_field(name).get_db_prep_save(text, connection))
        for name, text in (
            ("recipient_name", "苏"),
            ("recipient_phone", "15000000000"),
            ("address_detail", "灵隐路 1 号"),
        )
    ]
    name, phone, detail = (f"'{text}'" for text in sealed)
    return place.replace("bench_place", "bench_wait").replace(
        "d.name, d.phone, d.region_code, d.region_names, d.detail",
        f"{name}, {phone}, d.region_code, d.region_names, {detail}",
    )


def _wait_for_money(shop: Shop, count: int) -> None:
    first, second = ([sku for sku, _number in each] for each in (shop.skus[0], shop.skus[-1]))
    people = [one.user_id for one in shop.people]
    places = {"people": people, "first": first, "second": second}
    counts = {"persons": len(people), "skus": len(first), "count": count, "before": Order.objects.count()}
    with connection.cursor() as cursor:
        cursor.execute(_readable(PLACE))
        cursor.execute(_WAITING, {**places, **counts})
        cursor.execute(PAY)
        cursor.execute("VACUUM ANALYZE")


def _noticed(port: int, world: World, waiting: Iterator[tuple[str, int]], seconds: float) -> float:
    """Return how many notices a second were taken in; they are signed beforehand, for they grow old."""
    signed = []
    for _one in range(round(NOTICES_A_SECOND * seconds)):
        number, amount_fen = next(waiting)
        headers, body = claim_with_true_keys(world, number, amount_fen, {})
        signed.append(request("POST", "/api/v1/webhooks/wechat/payment/", body=body, headers=headers))
    sent = iter(signed)
    done = load(port=port, next_request=lambda _client: next(sent, None), seconds=seconds)
    if not done.statuses[200] or set(done.statuses) - {200, 503}:
        raise RuntimeError(f"notices were not taken in: {done.statuses}")
    return done.statuses[200] / done.seconds


@case("payment notice")
def payment_notice(bench: Bench) -> list[Row]:
    """Proven, applied once: states, goods, what two suppliers and a store earn, five journals, messages."""
    database, shop = shop_of(bench, "paying")
    own_count = round(NOTICES_A_SECOND * (bench.rounds * bench.seconds + 2)) + 1
    _wait_for_money(shop, own_count + round(LIMIT_A_SECOND * bench.rounds * bench.seconds))
    waiting = iter(list(Payment.objects.order_by("pk").values_list("number", "amount_fen")[:own_count]))
    world = World(Path(settings.LINJIA_SANDBOX_HOME), "")
    with bench.stack.web(database) as web:
        # The first ones open the accounts that every later one finds, and are the books of a shop that runs: told that
        # they are empty, sessions plan to read all of them, and go on so.
        _noticed(web.port, world, waiting, 2.0)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        own, limit = bench.interleaved(
            lambda: _noticed(web.port, world, waiting, bench.seconds),
            lambda: bench.stack.pgbench(database, "SELECT bench_pay();\n", seconds=bench.seconds).rate,
        )
    paid = Payment.objects.filter(state="succeeded", is_applied=True).count()
    if paid < (sum(own.figures) + sum(limit.figures)) * bench.seconds / 2:
        raise RuntimeError(f"only {paid} payments are booked")
    return [compare("notice of a payment, 16 clients", own=own, limit=limit, unit="/s", at_least=0.15)]
