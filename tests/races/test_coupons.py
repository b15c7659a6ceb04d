"""The last pieces and the last money of a coupon: claimed and used by several at once."""

from dataclasses import dataclass

from orders.checkout.place import place_order
from orders.flow.verification import verify_all
from shop.accounts.models import User
from shop.catalogue.models import Sku
from shop.coupons.actions import claim
from shop.coupons.models import Coupon, CouponUse
from tests import world
from tests.races import scene
from tests.races.arena import ROUNDS, Arena, Attempt, Outcome
from tests.shop.coupons import coupon

FEW, MANY = max(8, ROUNDS // 12), max(20, ROUNDS // 2)


def test_the_last_pieces_and_the_last_money_of_a_coupon(arena: Arena) -> None:
    """Claimed, used, given back and for the first order only: by several at once."""
    people = [world.customer(f"顾客 {number}") for number in range(6)]
    tokens = [scene.token(one) for one in people]
    sku = world.sku_of(world.product(world.yunling(), "云岭白茶", supply_fen=6_000, retail_fen=9_800, pieces=10_000))
    buyers = [Buyer(one, token, world.address(one).number, sku) for one, token in zip(people, tokens, strict=True)]
    claimed, used = arena.report("last pieces of a coupon"), arena.report("last money of a coupon")
    back, first = arena.report("a coupon given back and used"), arena.report("two first orders at once")
    for turn in range(FEW):
        outcomes, wrong = last_pieces(arena, turn, buyers)
        claimed.note(outcomes, wrong=wrong, is_fruitful=any(one.is_done for one in outcomes))
        outcomes, wrong = given_back_and_used(arena, turn, buyers)
        back.note(outcomes, wrong=wrong, is_fruitful=outcomes[0].is_done or outcomes[1].is_done)
        outcomes, wrong = two_first_orders(arena, turn, sku)
        first.note(outcomes, wrong=wrong, is_fruitful=any(one.is_done for one in outcomes))
    for turn in range(MANY):
        outcomes, wrong = last_money(arena, turn, buyers)
        used.note(outcomes, wrong=wrong, is_fruitful=any(one.is_done for one in outcomes))
    for report in (claimed, used, back, first):
        report.holds()
    assert set(first.tally) == {"done", "coupon_refused"}
    assert set(used.tally) == {"done", "coupon_refused"}
    assert verify_all(now=world.now()) == []


@dataclass(frozen=True)
class Buyer:
    """Somebody with a token, an address, and two pieces of tea in mind."""

    user: User
    token: str
    address: str
    sku: Sku

    def orders(self, piece: str, *, key: str) -> Attempt:
        items = [{"sku": self.sku.number, "quantity": 2}]
        body = {"address": self.address, "items": items, "coupons": [piece]}
        return "ask", {"token": self.token, "path": "orders/", "body": body, "key": key}


def last_pieces(arena: Arena, turn: int, buyers: list[Buyer]) -> tuple[list[Outcome], list[str]]:
    """Four people, one of them twice, claim two pieces."""
    scarce = coupon(f"SCARCE{turn}", pieces_max=2)
    path = f"coupons/{scarce.code}/claim/"
    asked = [("ask", {"token": buyers[one].token, "path": path, "body": {}}) for one in (0, 0, 1, 2, 3)]
    outcomes = arena.race(*asked)
    scarce.refresh_from_db()
    done = sum(one.is_done for one in outcomes)
    return outcomes, [] if (scarce.claimed, done) == (2, 2) else [f"{done} claimed, counted {scarce.claimed}"]


def last_money(arena: Arena, turn: int, buyers: list[Buyer]) -> tuple[list[Outcome], list[str]]:
    """Seven orders, two of them with one piece, spend a budget that is enough for three."""
    poor = coupon(f"POOR{turn}", budget_fen=6_500)
    pieces = [claim(coupon=poor, user=one.user, now=world.now()).number for one in buyers]
    who = [0, *range(len(buyers))]
    asked = [buyers[one].orders(pieces[one], key=f"race-money-{turn:04d}-{n}") for n, one in enumerate(who)]
    outcomes = arena.race(*asked)
    spent = Coupon.objects.get(pk=poor.pk).spent_fen
    uses = list(CouponUse.objects.filter(coupon=poor).values_list("claim_id", flat=True))
    done = sum(one.is_done for one in outcomes)
    is_right = (spent, done, len(uses), len(set(uses))) == (6_000, 3, 3, 3)
    return outcomes, [] if is_right else [f"{done} done, spent {spent} by {uses}"]


def given_back_and_used(arena: Arena, turn: int, buyers: list[Buyer]) -> tuple[list[Outcome], list[str]]:
    """An order that holds all the money is given up, twice at once, while she and another want the coupon."""
    swing = coupon(f"SWING{turn}", budget_fen=2_000)
    hers, other = (claim(coupon=swing, user=one.user, now=world.now()).number for one in buyers[:2])
    her = buyers[0]
    order = place_order(
        user=her.user,
        items=world.items([(her.sku, 2)]),
        address_number=her.address,
        coupons=(hers,),
        now=world.now(),
    )
    outcomes = arena.race(
        ("cancel", {"order": order.number}),
        ("cancel", {"order": order.number}),
        her.orders(hers, key=f"race-swing-{turn:04d}-0"),
        buyers[1].orders(other, key=f"race-swing-{turn:04d}-1"),
    )
    spent = Coupon.objects.get(pk=swing.pk).spent_fen
    uses = CouponUse.objects.filter(coupon=swing, returned_at=None)
    done = sum(one.is_done for one in outcomes[2:])
    is_right = (spent, uses.count()) == (2_000 * done, done) and not uses.filter(order_number=order.number).exists()
    return outcomes, [] if is_right and done <= 1 else [f"{done} done, spent {spent} by {list(uses)}"]


def two_first_orders(arena: Arena, turn: int, sku: Sku) -> tuple[list[Outcome], list[str]]:
    """Somebody new places two orders at once, each with another coupon for the first order: one of them is."""
    mei = world.customer(f"新客 {turn}")
    token, address = scene.token(mei), world.address(mei).number
    terms = {"kind": "new_customer", "amount_fen": 1_000, "min_fen": 0}
    pieces = [claim(coupon=coupon(f"NEW{turn}{one}", **terms), user=mei, now=world.now()).number for one in "AB"]
    asked = [
        (
            "ask",
            {
                "token": token,
                "path": "orders/",
                "body": {"address": address, "items": [{"sku": sku.number, "quantity": 2}], "coupons": [piece]},
                "key": f"race-first-{turn:03d}-{place}",
            },
        )
        for place, piece in enumerate(pieces)
    ]
    outcomes = arena.race(*asked)
    uses = CouponUse.objects.filter(claim__user=mei)
    done = sum(one.is_done for one in outcomes)
    wrong = [] if (done, uses.count(), uses.filter(first_of=mei).count()) == (1, 1, 1) else [f"{done} first orders"]
    return outcomes, wrong
