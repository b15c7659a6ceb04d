"""Bugs to plant, each for the time of one scenario: in our own functions, or by a privileged hand in the database."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from distributors.commissions import actions as commission_actions
from distributors.commissions import rules as commission_rules
from distributors.payouts import actions as payout_actions
from distributors.payouts import sending
from orders.checkout import place
from orders.flow import delivery, payment, refunding, reversal
from orders.lifecycle import actions as lifecycle
from orders.payments import refunds
from shop.stock import actions as stock
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
        stock._execute(stock._SETTLE, held, reference=reference, at=at, kind="released")
        return done

    patch.setattr(stock, "release", twice)


def restock_twice(patch: Patch, machine: TradeMachine) -> None:
    real = stock.restock

    def twice(*, reference: str, quantities: Any, at: datetime) -> None:
        real(reference=reference, quantities=quantities, at=at)
        real(reference=f"{reference}-2", quantities=quantities, at=at)

    patch.setattr(stock, "restock", twice)


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
        Due.objects.filter(what="order.expire", subject=facts[1].order.number).delete()
        return number

    patch.setattr(place, "_write", written)


def todays_referrer(patch: Patch, machine: TradeMachine) -> None:
    real = payment._sale

    def moved(order: Any, lines: Any) -> Any:
        sale = real(order, lines)
        lin = machine.town.stores["lin"]
        named = [replace(one, store_id=lin.pk, store_code=lin.code, referrer_store_id=None) for one in sale.lines]
        return replace(sale, lines=named)

    patch.setattr(payment, "_sale", moved)


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
    "count the return window from the payment": Plant("slow_delivery", {"model"}, freeze_from_the_payment),
    "claw back at today's rate": Plant("part_back", {"model", "commission_rule"}, todays_rate),
    "keep the commission of what came back": Plant(
        "part_back", {"model", "commission_rule"}, silent(refunding.commissions, "claw_back")
    ),
    "let the supplier keep what went back": Plant(
        "part_back", {"model", "earning_rule"}, silent(refunding.settlements, "deduct")
    ),
    "refund a fen more than the lines": Plant("part_back", {"model", "refund_lines", "refund_counted"}, a_fen_more),
    "refund more than was paid": Plant("part_back", {"payment_refunds_within"}, more_than_paid),
    "put returned goods back twice": Plant("cancelled_paid", {"model", "returned"}, restock_twice),
    "release stock twice": Plant("cancelled", {"stock_reserved_not_negative"}, release_twice),
    "keep the reservation of a cancelled order": Plant("cancelled", {"model", "reservation"}, silent(stock, "release")),
    "take an order without its goods": Plant("sale", {"model", "reservation"}, silent(payment, "_take_goods")),
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
    "leave the platform's rest undivided": Plant("sale", {"model", "clearing"}, silent(payment, "_fee_taken")),
    "apply an idempotency key twice": Plant(
        "asked_twice", {"AssertionError"}, lambda p, m: p.setattr(idempotency, "once", lambda act, **facts: act())
    ),
}


_ORDER = "(SELECT id FROM lifecycle_order ORDER BY id LIMIT 1)"
SQL = {
    "a balance is edited": (
        {"running_sums", "book_sum"},
        "UPDATE ledger_account SET credits_fen = credits_fen + 1 WHERE path LIKE 'store/%/available'",
    ),
    "a transfer is deleted": (
        {"running_sums", "journal_without_transfer"},
        "DELETE FROM ledger_transfer WHERE journal_id = (SELECT id FROM ledger_journal WHERE kind = 'fee_taken' LIMIT 1)",
    ),
    "a digest is changed": (
        {"digest"},
        (
            "INSERT INTO ledger_dailydigest (date, until_at, previous, digest, transfers_count) "
            "VALUES (current_date - 2, current_date - 1, '', repeat('0', 64), 0)"
        ),
    ),
    "a recruiter recruits her own recruiter": (
        {"referral_graph"},
        (
            "INSERT INTO referrals_referral SELECT (jsonb_populate_record(r, jsonb_build_object("
            "'distributor_id', r.referrer_id, 'referrer_id', r.distributor_id))).* FROM referrals_referral r"
        ),
    ),
    "money as a binary fraction": ({"float_column"}, "ALTER TABLE lifecycle_order ADD COLUMN tip_fen double precision"),
    "the app may write into the books": ({"app_rights"}, "GRANT INSERT ON ledger_journal TO linjia_app"),
    "a guard is put aside": (
        {"trade_guard_missing"},
        "ALTER TABLE payouts_withdrawal DISABLE TRIGGER payouts_withdrawal_facts",
    ),
    "a commission is given to somebody else": (
        {"commission_snapshot", "commission_books", "store_sum"},
        (
            "ALTER TABLE commissions_commission DROP CONSTRAINT commissions_one_level_each; "
            "UPDATE commissions_commission SET store_id = (SELECT max(id) FROM stores_store) "
            "WHERE store_id = (SELECT min(id) FROM stores_store)"
        ),
    ),
    "a commission is settled before its time": (
        {"commission_early"},
        (
            "UPDATE commissions_commission SET settled_at = settled_at - interval '30 days', "
            "due_at = due_at - interval '30 days'"
        ),
    ),
    "a supplier is settled before her time": (
        {"earning_early"},
        "UPDATE settlements_earning SET settled_at = settled_at - interval '30 days'",
    ),
    "an account that is on no chart": (
        {"off_the_chart", "guard_missing"},
        (
            "ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_on_chart; INSERT INTO ledger_account "
            "(path, kind, guarded, debits_fen, credits_fen) VALUES ('thief', 'liability', false, 0, 0)"
        ),
    ),
    "a statement begins with money nobody knows": (
        {"statement_chain", "statement_books"},
        (
            "INSERT INTO settlements_statement (number, supplier_id, from_date, until_date, state, opening_fen, settled_fen, "
            "deducted_fen, paid_fen, closing_fen, available_upto, debt_upto, note) SELECT 'T1', min(id), current_date - 7, "
            "current_date, 'open', 5, 0, 0, 0, 5, 0, 0, '' FROM suppliers_supplier"
        ),
    ),
    "a supplier was paid out of nothing": (
        {"payout_booked"},
        (
            "INSERT INTO settlements_statement (number, supplier_id, from_date, until_date, state, opening_fen, settled_fen, "
            "deducted_fen, paid_fen, closing_fen, available_upto, debt_upto, note) SELECT 'T1', min(id), current_date - 7, "
            "current_date, 'confirmed', 0, 0, 0, 0, 0, 0, 0, '' FROM suppliers_supplier; INSERT INTO "
            "settlements_supplierpayout (number, statement_id, supplier_id, amount_fen, state, started_by, started_at, "
            "bank_reference, fail_reason) SELECT 'Y1', id, supplier_id, 100, 'started', 'x', now(), '', '' "
            "FROM settlements_statement"
        ),
    ),
    "a supplier's money waits although it was settled": (
        {"earning_books", "state_now"},
        "UPDATE settlements_earning SET state = 'frozen'",
    ),
    "a buyer earns from her own order": (
        {"commission_beneficiary"},
        (
            "UPDATE lifecycle_order SET user_id = (SELECT d.user_id FROM stores_distributor d JOIN stores_store s "
            "ON s.distributor_id = d.id ORDER BY s.id LIMIT 1)"
        ),
    ),
    "a claw-back is forgotten": (
        {"claw_backs", "commission_rule"},
        "UPDATE commissions_commission SET clawed_back_fen = 1",
    ),
    "a state is set by hand": (
        {"state_now", "order_paid", "reservation"},
        f"UPDATE lifecycle_order SET state = 'cancelled' WHERE id = {_ORDER}",
    ),
    "a step is left out of the history": (
        {"state_history", "state_edge"},
        "UPDATE states_statechange SET source = 'placed' WHERE subject LIKE 'supplier_order:%' AND target = 'shipped'",
    ),
    "a line is cheaper than it was": (
        {"order_adds_up"},
        "UPDATE lifecycle_orderline SET paid_fen = paid_fen - 1, discount_fen = discount_fen + 1, pool_fen = pool_fen - 1",
    ),
    "more is refunded than was bought": (
        {"refund_too_large", "line_refunded"},
        (
            "ALTER TABLE lifecycle_orderline DROP CONSTRAINT order_line_refunds_within; "
            "UPDATE lifecycle_orderline SET refunded_quantity = quantity + 1"
        ),
    ),
    "pieces vanish from the shelf": (
        {"stock_movements"},
        "UPDATE stock_stockitem SET on_hand = on_hand - 1, received = received - 1",
    ),
    "more is sold than there was": (
        {"oversold", "stock_sums", "stock_movements"},
        "ALTER TABLE stock_stockitem DROP CONSTRAINT stock_adds_up; UPDATE stock_stockitem SET sold = received + 1",
    ),
    "a reservation ends twice": (
        {"reservation_ends"},
        (
            "INSERT INTO stock_stockmovement (sku_id, kind, quantity, reference, at) "
            "SELECT sku_id, 'released', quantity, reference, at FROM stock_stockmovement WHERE kind = 'sold'"
        ),
    ),
    "an order holds fewer pieces than it bought": (
        {"reservation_pieces", "reservation_ends"},
        "DELETE FROM stock_reservation WHERE id = (SELECT min(id) FROM stock_reservation)",
    ),
    "a reminder is lost": ({"next_step_planned"}, "DELETE FROM work_due WHERE what = 'supplier_order.receive'"),
    "money is never due": ({"money_planned"}, "UPDATE commissions_commission SET state = 'frozen', due_at = NULL"),
    "due money lies there": (
        {"money_late"},
        "UPDATE commissions_commission SET state = 'frozen', settled_at = NULL, due_at = due_at - interval '1 day'",
    ),
    "work was given up without a word": (
        {"work_parked", "failed_silently"},
        "UPDATE work_due SET state = 'parked', last_error = '' WHERE state <> 'done'",
    ),
    "work lies there": ({"work_late"}, "UPDATE work_due SET due_at = now() - interval '900 days' WHERE state = 'open'"),
    "a task for one later moment": (
        {"task_for_later"},
        (
            "INSERT INTO django_celery_beat_periodictask (name, task, args, kwargs, enabled, one_off, total_run_count, "
            "date_changed, description, headers) VALUES ('settle once', 'x', '[]', '{}', true, true, 0, now(), '', '{}')"
        ),
    ),
    "one event is applied twice": (
        {"notice_twice", "event_twice", "trade_guard_missing"},
        (
            "ALTER TABLE payments_gatewaynotice DROP CONSTRAINT notice_once; DROP INDEX notice_applied_once; "
            "INSERT INTO payments_gatewaynotice SELECT (jsonb_populate_record(n, jsonb_build_object('id', n.id + 1000))).* "
            "FROM payments_gatewaynotice n WHERE n.outcome = 'applied'"
        ),
    ),
    "a notice leads to nothing": ({"notice_open"}, "UPDATE payments_gatewaynotice SET outcome = ''"),
    "a key is stored twice": (
        {"key_twice", "trade_guard_missing"},
        (
            "ALTER TABLE work_idempotencykey DROP CONSTRAINT work_idempotency_key_once; "
            "INSERT INTO work_idempotencykey (caller, key, request_hash, created_at) "
            "SELECT 'user:U1', 'k', 'h', now() FROM generate_series(1, 2)"
        ),
    ),
    "a payout belongs to no withdrawal": (
        {"withdrawal_booked", "move_not_allowed"},
        "UPDATE ledger_journal SET kind = 'withdrawal_paid' WHERE kind = 'payment_received'",
    ),
    "a phone can be read": ({"plain_text"}, "UPDATE accounts_user SET phone = '13800000001' WHERE name = '苏 Su'"),
    "a payment is forgotten": (
        {"gateway_account", "payment_booked", "state_now"},
        "UPDATE payments_payment SET state = 'started', is_applied = false",
    ),
}
