"""Coupons through the whole trade: from a distributor's word to what everybody is paid, and back again."""

from collections.abc import Sequence

import pytest
from django.db import IntegrityError, connection, transaction

from distributors.codes.actions import enter_code, make_code
from orders.checkout.place import place_order
from orders.checkout.quote import quote
from orders.flow import reversal
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from shop.accounts.models import User
from shop.coupons.actions import CouponRefused, LimitReached, claim
from shop.coupons.models import Coupon, CouponClaim, CouponShare
from shop.ledger.queries import balance_fen
from tests import world
from tests.orders import trade
from tests.shop.coupons import coupon

pytestmark = pytest.mark.django_db


def order(user: User, wishes: Sequence[world.Wish], coupons: tuple[str, ...] | None = None) -> Order:
    return place_order(
        user=user,
        items=world.items(wishes),
        address_number=world.address(user).number,
        coupons=coupons,
        now=world.now(),
    )


def test_from_a_word_to_the_payout() -> None:
    """阿禾 tells 苏 a word: ¥20 off, of which she bears a fifth herself; the sale is hers without any link."""
    world.rule(1_000, 300)
    tea = world.product(world.yunling(), "云岭白茶", supply_fen=6_000, retail_fen=9_800)
    peach = world.product(world.yangshan(), "水蜜桃", retail_fen=5_000)
    ahe, su = world.ahe(), world.customer("苏 Su")
    spring = coupon(platform_bp=8_000, store_bp=2_000, by_code_only=True, for_distributors=True)
    entered = enter_code(
        code=make_code(store=ahe, coupon=spring, code="ahe20", now=world.now()), user=su, now=world.now()
    )
    assert entered.is_new and entered.piece is not None and entered.piece.code == "AHE20"

    placed = order(su, [(tea, 1), (peach, 1)])
    white, sweet = trade.lines(placed)
    # ¥20.00 over ¥98.00 and ¥50.00 by largest remainder; 1,324 + 676.
    assert (white.discount_fen, white.paid_fen, sweet.discount_fen, sweet.paid_fen) == (1_324, 8_476, 676, 4_324)
    # 阿禾: 10 % of what 苏 pays, less her fifth of the discount. 林: 3 %. The farm's supply price is untouched.
    assert (white.level1_fen, white.level2_fen, white.supplier_fen, white.subsidy_fen) == (847 - 265, 254, 6_000, 1_059)
    # By commission: of 4,324 + 676 the fee of 5 % and the shares come first.
    assert (sweet.level1_fen, sweet.level2_fen, sweet.subsidy_fen) == (432 - 135, 129, 541)
    assert sweet.supplier_fen == 5_000 - 250 - 432 - 129
    assert {line.credit_reason for line in (white, sweet)} == {"coupon_code"}
    assert white.credit_evidence["candidates"][0]["what"] == "coupon_code"
    assert white.store_id == ahe.pk
    used = CouponClaim.objects.get()
    assert (used.state, used.order_number) == ("used", placed.number)
    spring.refresh_from_db()
    assert (spring.claimed, spring.spent_fen) == (1, 2_000)

    trade.pay(placed)
    assert (trade.clearing(placed), balance_fen("coupon/platform")) == (0, 1_600)
    assert not verify_all(now=world.now())
    later = trade.complete(placed)
    trade.settle(later)
    assert trade.store_money(ahe) == {"available": 582 + 297}
    assert trade.supplier_money(world.yunling())["available"] == 6_000 + white.supplier_order.freight_fen

    give_back_in_two(placed, spring)


def give_back_in_two(placed: Order, spring: Coupon) -> None:
    later = world.now()
    # Half of the tea's price goes back: everybody's part shrinks with it, the platform's coupon too.
    half = reversal.refund(
        order_number=placed.number,
        lines={1: (0, 4_238)},
        freight_fen=0,
        cause="aftersale",
        restock=False,
        actor="system",
        now=later,
    )
    trade.arrives(half)
    assert (trade.clearing(placed), balance_fen("coupon/platform")) == (0, 529 + 541)
    rest = reversal.refund(
        order_number=placed.number,
        lines=trade.everything(placed),
        freight_fen=0,
        cause="aftersale",
        restock=False,
        actor="system",
        now=later,
    )
    trade.arrives(rest)
    assert (trade.clearing(placed), balance_fen("coupon/platform")) == (0, 0)
    # It had been delivered: the piece stays used, its budget spent.
    spring.refresh_from_db()
    assert (CouponClaim.objects.get().state, spring.spent_fen) == ("used", 2_000)
    assert not verify_all(now=world.now())


def test_pieces_come_back_with_the_order() -> None:
    """苏 gives her order up, lets one expire, and has a paid one cancelled: each time the piece is hers again."""
    tea = world.product(world.yunling(), "云岭白茶", supply_fen=6_000, retail_fen=9_800)
    su = world.customer("苏 Su")
    farm = coupon("YUNLING", supplier=world.yunling(), platform_bp=0, supplier_bp=10_000, budget_fen=2_000)
    piece = claim(coupon=farm, user=su, now=world.now())
    with pytest.raises(LimitReached):
        claim(coupon=farm, user=su, now=world.now())

    first = order(su, [(tea, 2)])
    (line,) = trade.lines(first)
    # The supplier's own coupon lowers what the supplier gets, and nothing is added.
    assert (line.paid_fen, line.supplier_fen, line.subsidy_fen) == (17_600, 10_000, 0)
    with pytest.raises(CouponRefused):
        order(su, [(tea, 2)], coupons=(piece.number,))
    reversal.cancel_order(order=first, actor="system", reason="changed her mind", now=world.now())
    second = order(su, [(tea, 2)], coupons=(piece.number,))
    reversal.expire_order(number=second.number, now=second.expires_at)
    third = order(su, [(tea, 2)])
    trade.pay(third)
    refund = reversal.cancel_order(order=third, actor="system", reason="changed her mind", now=world.now())
    assert refund is not None
    trade.arrives(refund)
    piece.refresh_from_db()
    farm.refresh_from_db()
    assert (piece.state, piece.order_number, farm.spent_fen) == ("returned", "", 0)
    assert trade.clearing(third) == 0
    found = quote(user=su, items=world.items([(tea, 1)]), region_code=None, now=world.now())
    (why,) = found.coupons.refused
    assert (why.code, why.missing_fen, found.coupon_fen) == ("below_minimum", 200, 0)
    assert not verify_all(now=world.now())


def test_the_database_refuses() -> None:
    """A hand that goes past the actions cannot give more pieces, spend more, or split otherwise."""
    tea = world.product(world.yunling(), "云岭白茶", supply_fen=6_000, retail_fen=9_800)
    su = world.customer("苏 Su")
    spring = coupon(budget_fen=2_000)
    piece = claim(coupon=spring, user=su, now=world.now())
    order(su, [(tea, 2)])
    share = CouponShare.objects.get()
    refused = (
        f"UPDATE coupons_coupon SET spent_fen = 2001 WHERE id = {spring.pk}",
        f"UPDATE coupons_coupon SET amount_fen = 1 WHERE id = {spring.pk}",
        f"UPDATE coupons_coupon SET claimed = 101 WHERE id = {spring.pk}",
        f"UPDATE coupons_couponclaim SET state = 'claimed', order_number = '' WHERE id = {piece.pk}",
        f"UPDATE coupons_couponshare SET discount_fen = 1 WHERE id = {share.pk}",
        f"UPDATE coupons_couponuse SET discount_fen = 1 WHERE id = {share.use_id}",
        (
            f"INSERT INTO coupons_couponuse (order_number, claim_id, coupon_id, discount_fen, at)"
            f" VALUES ('O2', {piece.pk}, {spring.pk}, 100, now())"
        ),
        (
            f"INSERT INTO coupons_couponshare (use_id, line, discount_fen, platform_fen, supplier_fen, store_fen)"
            f" VALUES ({share.use_id}, 2, 100, 100, 0, 0); SET CONSTRAINTS ALL IMMEDIATE"
        ),
        (
            f"INSERT INTO coupons_couponclaim (number, coupon_id, user_id, turn, code, state, claimed_at, use_from,"
            f" use_until, order_number) SELECT 'C2', coupon_id, user_id, 2, '', 'claimed', claimed_at, use_from,"
            f" use_until, '' FROM coupons_couponclaim WHERE id = {piece.pk}"
        ),
    )
    for statement in refused:
        with (
            pytest.raises((IntegrityError, Exception), match=r"(?i)coupon|may not|append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert Coupon.objects.get().spent_fen == 2_000
