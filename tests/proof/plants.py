"""Bugs to plant, each for the time of one scenario: in our own functions, or by a privileged hand in the database."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from distributors.commissions import actions as commission_actions
from distributors.commissions import rules as commission_rules
from distributors.payouts import actions as payout_actions
from distributors.payouts import sending
from orders.checkout import couponing, place
from orders.flow import delivery, paid, payment, refunding, reversal
from orders.lifecycle import actions as lifecycle
from orders.payments import refunds
from shop.coupons import rules as coupon_rules
from shop.coupons.models import Coupon
from shop.stock import actions as stock
from shop.stock.models import StockItem
from shop.work import idempotency
from shop.work.models import Due
from tests.properties.trade_machine import TradeMachine

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Plant:
    """What is planted, where it grows, and what must turn red: names of checks, constraints, errors, or ``model``."""

    scenario: str
    red: set[str]
    code: Callable[[Patch, TradeMachine], None] | None = None
    sql: str = ""


def nothing(*_args: Any, **_facts: Any) -> list[Any]:
    return []


def silent(module: Any, name: str) -> Callable[[Patch, TradeMachine], None]:
    """Forget to do something."""
    return lambda patch, machine: patch.setattr(module, name, nothing)


def round_up(patch: Patch, machine: TradeMachine) -> None:
    patch.setattr(commission_rules, "share_bp", lambda fen, bp: -(-fen * bp // 10_000))


def freeze_from_the_payment(patch: Patch, machine: TradeMachine) -> None:
    def early(received_at: datetime, days: int) -> datetime:
        return received_at - timedelta(days=3) + timedelta(days=days)

    patch.setattr(lifecycle, "window_end", early)


def todays_rate(patch: Patch, machine: TradeMachine) -> None:
    real = commission_actions.entitled_after_refund
    patch.setattr(commission_actions, "entitled_after_refund", lambda **facts: real(**facts | {"rate_bp": 800}))


def release_twice(patch: Patch, machine: TradeMachine) -> None:
    real = stock.release

    def twice(*, reference: str, at: datetime) -> bool:
        held = {line.sku_id: line.quantity for line in machine.orders[-1].row.lines.all()}
        done = real(reference=reference, at=at)
        for sku_id, quantity in held.items():
            pieces = StockItem.objects.filter(sku_id=sku_id)
            pieces.update(on_hand=F("on_hand") + quantity, reserved=F("reserved") - quantity)
        return done

    patch.setattr(stock, "release", twice)


def sell_nothing(patch: Patch, machine: TradeMachine) -> None:
    """The order is paid, its pieces stay where they are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION public.stock_sell(p_reference text, p_skus bigint[], p_quantities bigint[], "
            "p_at timestamptz) RETURNS void LANGUAGE plpgsql AS 'BEGIN END'"
        )


def restock_twice(patch: Patch, machine: TradeMachine) -> None:
    real = stock.restock

    def twice(*, reference: str, quantities: Any, at: datetime) -> None:
        real(reference=reference, quantities=quantities, at=at)
        real(reference=f"{reference}-2", quantities=quantities, at=at)

    patch.setattr(stock, "restock", twice)


def rewrite(name: str, *changes: tuple[str, str]) -> Callable[[Patch, TradeMachine], None]:
    """Make a function of the database what somebody would have written who got it wrong."""

    def planted(patch: Patch, machine: TradeMachine) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_get_functiondef(%s::regproc)", [name])
            (text,) = cursor.fetchone()
            for right, wrong in changes:
                assert right in text
                text = text.replace(right, wrong)
            cursor.execute(text)

    return planted


def cut_a_coupon_down(patch: Patch, machine: TradeMachine) -> None:
    def rounded_down(total_fen: int, weights: Any, caps: Any) -> list[int]:
        return [total_fen * weight // sum(weights) for weight in weights]

    patch.setattr(coupon_rules, "allocate_within", rounded_down)


def use_a_coupon_again(patch: Patch, machine: TradeMachine) -> None:
    """What was used is offered once more, and nobody looks when it is used."""
    rewrite("coupons_pieces", ("'claimed', 'returned'", "'claimed', 'returned', 'used'"))(patch, machine)
    rewrite("coupons_use", ("'claimed', 'returned'", "'claimed', 'returned', 'used'"))(patch, machine)


def give_a_budget_back_twice(patch: Patch, machine: TradeMachine) -> None:
    real = reversal.coupons.give_back

    def twice(*, order_number: str, at: datetime) -> int:
        done = real(order_number=order_number, at=at)
        Coupon.objects.filter(uses__order_number=order_number).update(spent_fen=F("spent_fen") - 1)
        return done

    patch.setattr(reversal, "coupons", SimpleNamespace(give_back=twice))


def forget_who_said_the_word(patch: Patch, machine: TradeMachine) -> None:
    real = couponing._by_its_store
    patch.setattr(
        couponing, "_by_its_store", lambda one, lines, facts: real(one, lines, replace(facts, code_stores={}))
    )


def believe_any_amount(patch: Patch, machine: TradeMachine) -> None:
    patch.setattr(payment, "mismatch", lambda claim, expected: "")


def new_number_each_time(patch: Patch, machine: TradeMachine) -> None:
    class Renumbered:
        """The rail as a shop sees it that makes up a new bill number for every call."""

        def __getattr__(self, name: str) -> Any:
            return getattr(machine.rail, name)

        def transfer(self, *, number: str, **facts: Any) -> Any:
            return replace(
                machine.rail.transfer(number=f"{number}x{len(machine.rail.transfers)}", **facts), number=number
            )

    patch.setattr(sending, "gateway_named", lambda name: Renumbered())


def pay_the_buyer(patch: Patch, machine: TradeMachine) -> None:
    real = place._line

    def own(line: Any) -> Any:
        lin = machine.town.stores["lin"]
        return replace(real(line), referrer_store_id=lin.pk, level2_bp=333, level2_fen=33)

    patch.setattr(place, "_line", own)


def forget_the_expiry(patch: Patch, machine: TradeMachine) -> None:
    real = place._write

    def written(*facts: Any) -> int:
        number = real(*facts)
        Due.objects.filter(what="order.expire", subject=facts[0].rows.number).delete()
        return number

    patch.setattr(place, "_write", written)


def todays_referrer(patch: Patch, machine: TradeMachine) -> None:
    real = paid._sale

    def moved(*facts: Any) -> Any:
        sale = real(*facts)
        lin = machine.town.stores["lin"]
        named = [replace(one, store_id=lin.pk, store_code=lin.code, referrer_store_id=None) for one in sale.lines]
        return replace(sale, lines=named)

    patch.setattr(paid, "_sale", moved)


def a_fen_more(patch: Patch, machine: TradeMachine) -> None:
    real = refunding.create_refund
    patch.setattr(refunding, "create_refund", lambda **facts: real(**facts | {"amount_fen": facts["amount_fen"] + 1}))


def more_than_paid(patch: Patch, machine: TradeMachine) -> None:
    """The rule and the counters are put aside; the database is not."""
    real = refunding.lifecycle.add_refund

    def generous(*, order: Any, lines: Any, freight_fen: Any = None) -> int:
        real(order=order, lines=lines, freight_fen=freight_fen)
        machine.orders[0].row.payments.update(refunded_fen=order.paid_fen + 1)
        return 0

    patch.setattr(refunding, "lifecycle", SimpleNamespace(**vars(refunding.lifecycle) | {"add_refund": generous}))


class Forgetful:
    """A to-do list that is never written."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def __getattr__(self, name: str) -> Any:
        return nothing if name == "remember" else getattr(self.real, name)


CODE = {
    "skip the amount check of a notice": Plant("underpaid", {"model", "gateway"}, believe_any_amount),
    "round a commission up": Plant("sale", {"model"}, round_up),
    "count the return window from the payment": Plant(
        "slow_delivery", {"lifecycle_orderline_window"}, freeze_from_the_payment
    ),
    "claw back at today's rate": Plant("part_back", {"model", "commission_rule"}, todays_rate),
    "keep the commission of what came back": Plant(
        "part_back", {"model", "commission_rule"}, silent(refunding.commissions, "claw_back")
    ),
    "let the supplier keep what went back": Plant(
        "part_back", {"model", "earning_rule"}, silent(refunding.settlements, "deduct")
    ),
    "refund a fen more than the lines": Plant("part_back", {"model", "refund_lines", "refund_counted"}, a_fen_more),
    "void a refund whose place nobody took": Plant(
        "part_back",
        {"refund_counted", "line_refunded", "clearing", "state_now"},
        sql="UPDATE payments_refund SET state = 'voided'",
    ),
    "refund more than was paid": Plant("part_back", {"payment_refunds_within"}, more_than_paid),
    "put returned goods back twice": Plant("cancelled_paid", {"model", "returned"}, restock_twice),
    "release stock twice": Plant("cancelled", {"stock_reserved_not_negative"}, release_twice),
    "keep the reservation of a cancelled order": Plant("cancelled", {"model", "reservation"}, silent(stock, "release")),
    "take an order without its goods": Plant("sale", {"model", "reservation"}, sell_nothing),
    "forget the due row of an order": Plant("waiting", {"order_expiry"}, forget_the_expiry),
    "forget that a parcel is received some day": Plant(
        "shipped",
        {"next_step_planned"},
        lambda patch, machine: patch.setattr(delivery, "work", Forgetful(delivery.work)),
    ),
    "forget that a refund must be sent": Plant(
        "part_back", {"refund_planned"}, lambda patch, machine: patch.setattr(refunds, "work", Forgetful(refunds.work))
    ),
    "settle while a case is open": Plant(
        "open_case", {"model"}, lambda p, m: p.setattr(delivery, "blocked_lines", lambda lines, now: set())
    ),
    "withdraw without setting money aside": Plant(
        "withdrawal", {"model", "withdrawal_booked"}, silent(payout_actions, "reserve")
    ),
    "pay a withdrawal without booking it": Plant(
        "paid_out", {"model", "withdrawal_booked", "gateway_account"}, silent(sending, "pay_out")
    ),
    "book one bill for two withdrawals": Plant(
        "paid_out",
        {"bill_twice", "withdrawal_booked", "trade_guard_missing"},
        sql=(
            "DROP INDEX payouts_bill_once; INSERT INTO payouts_withdrawal SELECT (jsonb_populate_record(w, "
            "jsonb_build_object('id', w.id + 1, 'number', 'W1'))).* FROM payouts_withdrawal w"
        ),
    ),
    "a new bill number on every retry": Plant("lost_transfer", {"gateway"}, new_number_each_time),
    "pay the second level to the buyer": Plant("recruiter_buys", {"settlements_line_not_own"}, pay_the_buyer),
    "follow today's relation instead of the order's": Plant(
        "sale", {"settlements_commission_promised"}, todays_referrer
    ),
    "keep money that came too late": Plant(
        "late_payment", {"model", "payment_unused", "clearing"}, silent(payment, "create_refund")
    ),
    "leave a refund's arrival out of the books": Plant(
        "refunded",
        {"model", "refund_booked", "clearing"},
        lambda p, m: p.setattr(reversal, "ledger", SimpleNamespace(post=nothing)),
    ),
    "leave the platform's rest undivided": Plant("sale", {"model", "clearing"}, silent(paid, "_fee_taken")),
    "count a coupon twice against its budget": Plant(
        "with_coupon",
        {"model", "coupon_budget"},
        rewrite("coupons_count", ("spent_fen + v_use.fen\n", "spent_fen + v_use.fen + 1\n")),
    ),
    "use a coupon twice": Plant("coupon_twice", {"coupons_piece_used_once"}, use_a_coupon_again),
    "lose a fen where a coupon is cut": Plant("with_coupon", {"model"}, cut_a_coupon_down),
    "let the platform bear a supplier's coupon": Plant(
        "farms_coupon", {"model"}, lambda p, m: p.setattr(coupon_rules, "fund", lambda fen, piece: (fen, 0, 0))
    ),
    "let the platform bear the store's part of its word": Plant("by_word", {"model"}, forget_who_said_the_word),
    "keep the coupon of an order given up": Plant(
        "coupon_given_up",
        {"model", "coupon_back"},
        lambda p, m: p.setattr(reversal, "coupons", SimpleNamespace(give_back=nothing)),
    ),
    "give a budget back twice": Plant("coupon_given_up", {"coupons_budget_within"}, give_a_budget_back_twice),
    "leave a coupon's money out of the books": Plant(
        "with_coupon", {"model", "coupon_booked"}, silent(paid, "_coupons_funded")
    ),
    "keep a coupon's money when a line goes back": Plant(
        "coupon_part_back",
        {"model", "coupon_booked"},
        lambda p, m: p.setattr(refunding, "_subsidy_returned", lambda touched, lines: 0),
    ),
    "apply an idempotency key twice": Plant(
        "asked_twice", {"AssertionError"}, lambda p, m: p.setattr(idempotency, "once", lambda act, **facts: act())
    ),
}
