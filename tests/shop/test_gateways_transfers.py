"""Paying people: one bill number is one transfer, and nothing is paid before the person confirms."""

from dataclasses import replace

import pytest

from shop.gateways.contract import Gateway, GatewayRefused, TransferState
from shop.gateways.sandbox.client import SandboxControl, SandboxError
from tests.shop.gateway_steps import transfer


def test_transfer_waits_for_the_person(sandbox: SandboxControl, gateway: Gateway) -> None:
    assert gateway.query_transfer("BILL1") == TransferState("BILL1", "not_found")
    started = transfer(sandbox, gateway)
    assert (started.state, started.amount_fen) == ("waiting_user", 5_000)
    assert started.package_info
    waiting = gateway.query_transfer("BILL1")
    assert waiting == replace(started, package_info="", openid=sandbox.openid_of("lin"))
    sandbox.confirm_transfer("BILL1")
    done = gateway.query_transfer("BILL1")
    assert done == replace(waiting, state="paid", finished_at=done.finished_at)
    assert done.finished_at is not None


def test_transfer_uses_the_scene_of_commissions(sandbox: SandboxControl, gateway: Gateway) -> None:
    transfer(sandbox, gateway)
    (row,) = sandbox.state()["transfers"]
    assert (row["scene"], row["remark"], row["user_name"]) == ("1005", "十一月佣金", "")
    assert row["notify_url"] == "http://testserver/api/v1/webhooks/wechat/transfer/"


def test_same_bill_number_pays_once_and_gives_the_package_again(sandbox: SandboxControl, gateway: Gateway) -> None:
    assert transfer(sandbox, gateway) == transfer(sandbox, gateway)
    sandbox.confirm_transfer("BILL1")
    assert transfer(sandbox, gateway).state == "paid"
    assert len(sandbox.state()["transfers"]) == 1


@pytest.mark.parametrize("changed", [{"amount_fen": 5_001}, {"openid": "oThief"}, {"remark": "别的"}])
def test_same_bill_number_other_facts_is_refused(sandbox: SandboxControl, gateway: Gateway, changed: dict) -> None:
    transfer(sandbox, gateway)
    with pytest.raises(GatewayRefused, match="INVALID_REQUEST"):
        transfer(sandbox, gateway, **changed)
    assert len(sandbox.state()["transfers"]) == 1


def test_large_transfer_needs_a_name_and_encrypts_it(sandbox: SandboxControl, gateway: Gateway) -> None:
    with pytest.raises(GatewayRefused, match="real name"):
        transfer(sandbox, gateway, amount_fen=200_000)
    transfer(sandbox, gateway, amount_fen=200_000, real_name="林小芳")
    # The sandbox could read it only with the platform's private key.
    assert sandbox.state()["transfers"][0]["user_name"] == "林小芳"
    assert transfer(sandbox, gateway, amount_fen=200_000, real_name="林小芳").state == "waiting_user"


def test_transfer_under_another_name_fails(sandbox: SandboxControl, gateway: Gateway) -> None:
    sandbox.turn(known_names={sandbox.openid_of("lin"): "林小芳"})
    answer = transfer(sandbox, gateway, real_name="王大力")
    assert (answer.state, answer.fail_reason) == ("failed", "NAME_NOT_CORRECT")


@pytest.mark.parametrize("changed", [{"amount_fen": 9}, {"number": "BILL-1"}, {"openid": ""}])
def test_transfer_of_nonsense_never_leaves_the_house(sandbox: SandboxControl, gateway: Gateway, changed: dict) -> None:
    with pytest.raises(GatewayRefused) as refusal:
        transfer(sandbox, gateway, **changed)
    assert refusal.value.code == "PARAM_ERROR"
    assert sandbox.calls() == []


def test_unconfirmed_transfer_fails_after_a_day(sandbox: SandboxControl, gateway: Gateway) -> None:
    transfer(sandbox, gateway)
    sandbox.shift_clock(seconds=24 * 3600 - 60)
    assert gateway.query_transfer("BILL1").state == "waiting_user"
    sandbox.shift_clock(seconds=120)
    answer = gateway.query_transfer("BILL1")
    assert (answer.state, answer.fail_reason) == ("failed", "OVERDUE_CLOSE")
    with pytest.raises(SandboxError):
        sandbox.confirm_transfer("BILL1")


def test_cancelled_transfer_is_processing_first(sandbox: SandboxControl, gateway: Gateway) -> None:
    transfer(sandbox, gateway)
    assert gateway.cancel_transfer("BILL1").state == "processing"
    assert gateway.query_transfer("BILL1").state == "cancelled"
    assert gateway.cancel_transfer("BILL1").state == "cancelled"


def test_confirmed_transfer_cannot_be_cancelled(sandbox: SandboxControl, gateway: Gateway) -> None:
    transfer(sandbox, gateway)
    sandbox.confirm_transfer("BILL1")
    with pytest.raises(GatewayRefused, match="INVALID_REQUEST"):
        gateway.cancel_transfer("BILL1")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("ACCEPTED", "accepted"),
        ("PROCESSING", "processing"),
        ("WAIT_USER_CONFIRM", "waiting_user"),
        ("TRANSFERING", "transferring"),
    ],
)
def test_transfer_states_in_between(sandbox: SandboxControl, gateway: Gateway, theirs: str, ours: str) -> None:
    sandbox.turn(transfer_mode="accepted")
    assert transfer(sandbox, gateway).state == "accepted"
    sandbox.advance_transfer("BILL1", theirs)
    assert gateway.query_transfer("BILL1").state == ours


@pytest.mark.parametrize(("mode", "state"), [("instant", "paid"), ("fail", "failed")])
def test_transfer_may_end_at_once(sandbox: SandboxControl, gateway: Gateway, mode: str, state: str) -> None:
    sandbox.turn(transfer_mode=mode)
    assert transfer(sandbox, gateway).state == state
    assert [notice.kind for notice in sandbox.pending_notices()] == ["transfer"]


def test_transfer_beyond_the_balance_is_refused(sandbox: SandboxControl, gateway: Gateway) -> None:
    sandbox.turn(balance_fen=7_000)
    transfer(sandbox, gateway)
    with pytest.raises(GatewayRefused, match="NOT_ENOUGH"):
        transfer(sandbox, gateway, "BILL2")
    gateway.cancel_transfer("BILL1")
    assert transfer(sandbox, gateway, "BILL2").state == "waiting_user"
