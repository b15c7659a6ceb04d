"""The last pieces and the last money of a coupon: claimed and used by several at once."""

from orders.flow.verification import verify_all
from shop.catalogue.models import Sku
from shop.coupons.actions import claim
from shop.coupons.models import Coupon, CouponUse
from tests import world
from tests.races import scene
from tests.races.arena import Arena, Outcome
from tests.shop.coupons import coupon

ROUNDS = 8


def test_the_last_pieces_and_the_last_money_of_a_coupon(arena: Arena) -> None:
    """Four people, one of them twice, claim two pieces; then five orders, two with one piece, spend a budget for two."""
    claimed, used = arena.report("last pieces of a coupon"), arena.report("last money of a coupon")
    first = arena.report("two first orders at once")
    people = [world.customer(f"顾客 {number}") for number in range(4)]
    tokens = [scene.token(one) for one in people]
    sku = world.sku_of(world.product(world.yunling(), "云岭白茶", supply_fen=6_000, retail_fen=9_800, pieces=10_000))
    for turn in range(ROUNDS):
        scarce = coupon(f"SCARCE{turn}", pieces_max=2)
        who = [0, 0, 1, 2, 3]
        asked = [("ask", {"token": tokens[one], "path": f"coupons/{scarce.code}/claim/", "body": {}}) for one in who]
        outcomes = arena.race(*asked)
        scarce.refresh_from_db()
        done = sum(one.is_done for one in outcomes)
        wrong = [] if (scarce.claimed, done) == (2, 2) else [f"{done} claimed, counted {scarce.claimed}"]
        claimed.note(outcomes, wrong=wrong, is_fruitful=done > 0)

        poor = coupon(f"POOR{turn}", budget_fen=4_000)
        pieces = [claim(coupon=poor, user=one, now=world.now()).number for one in people]
        bodies = [
            {
                "address": world.address(people[one]).number,
                "items": [{"sku": sku.number, "quantity": 2}],
                "coupons": [pieces[one]],
            }
            for one in who
        ]
        keys = [f"race-coupon-{turn:03d}-{place}" for place in range(len(who))]
        asked = [
            ("ask", {"token": tokens[one], "path": "orders/", "body": body, "key": key})
            for one, body, key in zip(who, bodies, keys, strict=True)
        ]
        outcomes = arena.race(*asked)
        spent = Coupon.objects.get(pk=poor.pk).spent_fen
        uses = CouponUse.objects.filter(coupon=poor).values_list("claim_id", flat=True)
        wrong = [] if (spent, len(uses), len(set(uses))) == (4_000, 2, 2) else [f"spent {spent} by {list(uses)}"]
        used.note(outcomes, wrong=wrong, is_fruitful=any(one.is_done for one in outcomes))
        outcomes, wrong = two_first_orders(arena, turn, sku)
        first.note(outcomes, wrong=wrong, is_fruitful=any(one.is_done for one in outcomes))
    claimed.holds()
    used.holds()
    first.holds()
    assert set(first.tally) == {"done", "coupon_refused"}
    assert set(used.tally) == {"done", "coupon_refused"}
    assert verify_all(now=world.now()) == []


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
