"""Mei pays 123.45 yuan for apples; Lin is paid her commission. Steps that several gateway tests begin with."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shop.gateways.contract import Collection, Gateway, RefundState, TransferState
from shop.gateways.sandbox.client import SandboxControl

NOON = datetime.now(UTC).replace(microsecond=0)


def collection(sandbox: SandboxControl, number: str = "PAY000001", **changed: object) -> Collection:
    asked = Collection(
        number=number,
        amount_fen=12_345,
        description="烟台苹果 5kg",
        expires_at=NOON + timedelta(minutes=30),
        payer_openid=sandbox.openid_of("mei"),
    )
    return replace(asked, **changed)  # type: ignore[arg-type]


def paid(sandbox: SandboxControl, gateway: Gateway, number: str = "PAY000001") -> str:
    """Mei has paid 123.45 yuan; returns the transaction id."""
    gateway.collect(collection(sandbox, number))
    transaction_id: str = sandbox.pay(number)["transaction_id"]
    return transaction_id


def refund(gateway: Gateway, number: str = "REF1", amount_fen: int = 345, **changed: object) -> RefundState:
    asked = {"payment_number": "PAY000001", "total_fen": 12_345, "reason": "少发了一件"} | changed
    return gateway.refund(number=number, amount_fen=amount_fen, **asked)  # type: ignore[arg-type]


def transfer(sandbox: SandboxControl, gateway: Gateway, number: str = "BILL1", **changed: object) -> TransferState:
    asked = {"openid": sandbox.openid_of("lin"), "amount_fen": 5_000, "real_name": None, "remark": "十一月佣金"}
    return gateway.transfer(number=number, **(asked | changed))  # type: ignore[arg-type]
