"""The gateway misbehaves: nobody can tell whether it did what was asked, and somebody else speaks in its name."""

import itertools
from random import Random
from typing import Any

import pytest
from django.test import Client
from prometheus_client import REGISTRY

from distributors.payouts import actions as payouts
from distributors.payouts.models import Withdrawal
from orders.flow import reversal
from orders.flow.verification import verify_all
from orders.lifecycle.models import Order
from orders.payments.models import Refund
from shop.gateways.sandbox.client import SandboxControl
from shop.ledger.models import Journal
from shop.work.sweep import run_due
from tests import world
from tests.asking import changed, fingerprint
from tests.distributors.sellers import money, rich
from tests.faults.form import times
from tests.faults.gateway_steps import (
    PAID,
    all_are,
    differences,
    net_at_gateway,
    placed,
    post_all,
    seeded,
    started,
    work_until_quiet,
)
from tests.gateways_fixtures import post_notice

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
# Done and silent, not done and silent, done and "500": the caller cannot tell which.
UNKNOWN = ("drop_answer", "drop_before", "error_after")


@pytest.fixture
def chance(sandbox: SandboxControl) -> Random:
    return seeded(sandbox)


# --- F10: nobody can tell whether it was done ----------------------------------------------------------------


def break_line(sandbox: SandboxControl, endpoint: str, count: int, chance: Random) -> None:
    """The next calls of an endpoint each end in one of the three ways, and then in one of them or well."""
    for place in range(count):
        sandbox.fail(endpoint, UNKNOWN[place % 3])
    for _ in range(count // 2):
        sandbox.fail(endpoint, chance.choice(UNKNOWN))


def test_payouts_with_unknown_outcome_are_paid_once(sandbox: SandboxControl, chance: Random, settings) -> None:
    """F10: the gateway pays and is silent, does not and is silent, or pays and says 500; and again on the retry."""
    count = times(12, 300)
    settings.LINJIA_WITHDRAWALS_PER_DAY_MAX = count
    ahe = rich(fen=count * 100)
    rows = [payouts.request(store=ahe, amount_fen=100, now=world.now()) for _ in range(count)]
    for row in rows:
        payouts.approve(withdrawal=row, actor=world.STAFF, now=world.now())
    break_line(sandbox, "transfer", count, chance)
    sandbox.fail("query_transfer", "drop_answer", times=count // 3, percent=50)

    run_due(rounds_max=200)
    assert Withdrawal.objects.filter(state="unknown").count() > count // 3
    work_until_quiet(all_are(Withdrawal, "waiting_user"))
    for row in rows:
        sandbox.confirm_transfer(row.number)
    assert set(post_all(sandbox.pending_notices("transfer"))) == {200}

    numbers = sorted(row.number for row in rows)
    assert sorted(row["out_bill_no"] for row in sandbox.state()["transfers"]) == numbers
    assert sorted(line.number for line in sandbox.book() if line.kind == "transfer") == numbers
    assert {call["number"] for call in sandbox.calls("transfer")} == set(numbers), "a retry keeps its number"
    assert len(sandbox.calls("transfer")) > count
    assert set(Withdrawal.objects.values_list("state", flat=True)) == {"paid"}
    assert (money(ahe).get("available", 0), money(ahe).get("paying", 0)) == (0, 0)
    assert Journal.objects.filter(kind="withdrawal_paid").count() == count
    assert differences() == []


def test_refunds_with_unknown_outcome_go_back_once(sandbox: SandboxControl, chance: Random) -> None:
    """F10 for refunds."""
    count = times(9, 150)
    payments = started(placed(count))
    for payment in payments:
        sandbox.pay(payment.number)
    post_all(sandbox.pending_notices())
    for order in Order.objects.filter(state="paid"):
        reversal.cancel_order(order=order, actor="system", reason="", now=world.now())
    break_line(sandbox, "refund", count, chance)

    run_due(rounds_max=200)
    work_until_quiet(all_are(Refund, "succeeded"))
    post_all(sandbox.pending_notices())

    numbers = sorted(Refund.objects.values_list("number", flat=True))
    assert sorted(row["out_refund_no"] for row in sandbox.state()["refunds"]) == numbers
    assert {call["number"] for call in sandbox.calls("refund")} == set(numbers)
    assert set(Refund.objects.values_list("state", flat=True)) == {"succeeded"}
    assert net_at_gateway(sandbox.state(), (payment.number for payment in payments)) == 0
    assert differences() == []
    assert verify_all(now=world.now()) == []


# --- F11: notices that nobody sent ----------------------------------------------------------------------------


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("linjia_notices_total", {"kind": "payment", "outcome": outcome}) or 0.0


def test_no_forged_notice_is_believed(sandbox: SandboxControl, client: Client) -> None:
    """F11: every forgery of the sandbox, and truths that do not fit our records."""
    order, other = placed(2)
    (payment,), (rival,) = started([order]), started([other])
    sandbox.pay(rival.number)
    (true,) = sandbox.pending_notices()
    assert post_notice(client, true).status_code == 200
    rival.refresh_from_db()
    untrue: list[dict[str, Any]] = [
        {"amount": {"total": 1, "payer_total": 1, "currency": "CNY"}},
        {"amount": {"total": PAID - 1, "payer_total": PAID - 1, "currency": "CNY"}},
        {"transaction_id": rival.transaction_id},
        {"out_trade_no": "P0000000000000000"},
    ]
    rounds = times(1, 25)
    variants = sandbox.forgery_variants()
    assert len(variants) >= 20
    before, rejected, mismatched = fingerprint(), counted("rejected"), counted("mismatch")

    answers = []
    for _, variant in itertools.product(range(rounds), variants):
        headers, body = sandbox.forge_notice(variant, payment.number, PAID)
        answers.append(_post(client, headers, body))
    assert set(answers) <= {400, 401}
    assert changed(before) == []
    assert counted("rejected") - rejected == len(answers)

    for _, claim in itertools.product(range(rounds), untrue):
        headers, body = sandbox.claim_notice(payment.number, PAID, **claim)
        assert _post(client, headers, body) == 400
    # Kept as they came, with their outcome; nothing else moved.
    assert {name for name in changed(before) if "hold" not in name} == {"payments_gatewaynotice"}
    assert counted("mismatch") - mismatched == rounds * len(untrue)
    payment.refresh_from_db()
    assert (payment.state, Order.objects.get(pk=order.pk).state) == ("started", "placed")


def _post(client: Client, headers: dict[str, str], body: bytes) -> int:
    sent = {name: value for name, value in headers.items() if name != "Content-Type"}
    path = "/api/v1/webhooks/wechat/payment/"
    return client.post(path, data=body, content_type="application/json", headers=sent).status_code
