"""One key, one effect: many requests with the same body and some with another, all at once, through the whole API."""

from collections.abc import Callable
from typing import Any

from distributors.payouts.models import Withdrawal
from orders.aftersales.models import AfterSale
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from orders.payments.models import Refund
from shop.work.models import IdempotencyKey
from tests import world
from tests.orders import trade
from tests.races import scene
from tests.races.arena import ROUNDS, Arena
from tests.races.outcomes import Report

# How many ask with one body, and how many with another.
MANY, FEW = (11, 5), (4, 2)
LINES = 10
Bodies = Callable[[int], tuple[dict[str, Any], dict[str, Any]]]


def one_key(
    arena: Arena,
    rounds: int,
    *,
    what: str,
    token: str,
    path: str,
    bodies: Bodies,
    effects: Callable[[int], int],
    contenders: tuple[int, int] = MANY,
) -> Report:
    """Contend for one key a round. ``effects`` says how many effects a round had in the database."""
    report = arena.report(f"one key for {what}")
    alike, unlike = contenders
    for turn in range(rounds):
        same, other = bodies(turn)
        asked = {"token": token, "path": path, "key": f"{what}-{turn:06d}"}
        outcomes = arena.race(*[("ask", asked | {"body": body}) for body in [same] * alike + [other] * unlike])
        answered = [one for one in outcomes if one.is_done]
        wrong = []
        if effects(turn) != 1:
            wrong.append(f"{effects(turn)} effects of one key")
        if len({one.value["number"] for one in answered}) > 1:
            wrong.append("different answers to one key")
        if sorted({one.told for one in outcomes if not one.is_done}) not in ([], ["idempotency_key_reused"]):
            wrong.append(f"refused otherwise: {[one.told for one in outcomes]}")
        if any(one.is_done for one in outcomes[:alike]) and any(one.is_done for one in outcomes[alike:]):
            wrong.append("both bodies were accepted")
        report.note(outcomes, wrong=wrong, is_fruitful=bool(answered))
    return report


def orders(arena: Arena, rounds: int) -> Report:
    """The customer's phone sends its order again and again, once with another number of pieces."""
    su = world.customer()
    tea = world.sku_of(world.product(world.yunling(), "云岭白茶", pieces=10_000)).number
    address = world.address(su).number

    def bodies(turn: int) -> tuple[dict[str, Any], dict[str, Any]]:
        both = [{"address": address, "items": [{"sku": tea, "quantity": pieces}]} for pieces in (1, 2)]
        return both[0], both[1]

    def effects(turn: int) -> int:
        return Order.objects.count() - turn

    return one_key(arena, rounds, what="order", token=scene.token(su), path="orders/", bodies=bodies, effects=effects)


def withdrawals(arena: Arena, rounds: int) -> Report:
    """The distributor's phone asks again and again, once for another amount."""
    store = scene.rich(rounds)
    token, path = scene.token(store.distributor.user), "me/store/withdrawals/"

    def effects(turn: int) -> int:
        return Withdrawal.objects.count() - turn

    return one_key(
        arena,
        rounds,
        what="withdrawal",
        token=token,
        path=path,
        bodies=lambda _turn: ({"amount_fen": 300}, {"amount_fen": 400}),
        effects=effects,
    )


def aftersales(arena: Arena, rounds: int) -> Report:
    """The customer asks for the money of one line, each time another line; what is not shipped goes back at once."""
    skus = scene.many_skus("百味茶", LINES)
    waiting = [scene.wide_order(skus) for _batch in range(0, rounds, LINES)]
    for order in waiting:
        trade.pay(order)

    def bodies(turn: int) -> tuple[dict[str, Any], dict[str, Any]]:
        batch, line = divmod(turn, LINES)
        body = {
            "order": waiting[batch].number,
            "line": line + 1,
            "kind": "cancel_before_ship",
            "quantity": 1,
            "reason": "other",
        }
        return body, body | {"reason": "quality"}

    def effects(turn: int) -> int:
        assert AfterSale.objects.count() == Refund.objects.count()
        return Refund.objects.count() - turn

    return one_key(
        arena,
        rounds,
        what="aftersale",
        token=scene.token(world.customer()),
        path="aftersales/",
        bodies=bodies,
        effects=effects,
        contenders=FEW,
    )


def test_an_order_under_one_key(arena: Arena) -> None:
    orders(arena, ROUNDS).holds()
    assert IdempotencyKey.objects.count() == ROUNDS
    assert verify_all(now=world.now()) == []


def test_a_withdrawal_under_one_key(arena: Arena) -> None:
    with arena.planted(LINJIA_WITHDRAWALS_PER_DAY_MAX=10**6):
        withdrawals(arena, ROUNDS).holds()
    assert verify_all(now=world.now()) == []


def test_an_aftersale_under_one_key(arena: Arena) -> None:
    aftersales(arena, ROUNDS).holds()
    assert verify_all(now=world.now()) == []


def test_a_key_that_is_looked_up_first_is_used_twice(arena: Arena) -> None:
    with arena.planted("look_then_act"):
        orders(arena, 10).turns_red()
