"""WeChat Pay's words turned into ours. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shop.gateways.contract import (
    GatewayUnknown,
    NoticeKind,
    PaymentState,
    PaymentStateName,
    RefundState,
    RefundStateName,
    TransferState,
    TransferStateName,
)

PAYMENT_STATES: Mapping[str, PaymentStateName] = {
    "SUCCESS": "paid",
    "REFUND": "refunded",
    "NOTPAY": "unpaid",
    "USERPAYING": "unpaid",
    "ACCEPT": "unpaid",
    "PAYERROR": "unpaid",
    "CLOSED": "closed",
    "REVOKED": "closed",
}
REFUND_STATES: Mapping[str, RefundStateName] = {
    "PROCESSING": "processing",
    "SUCCESS": "succeeded",
    "ABNORMAL": "abnormal",
    "CLOSED": "closed",
}
# A transfer being cancelled may still end either way, so it is only "processing" for us.
TRANSFER_STATES: Mapping[str, TransferStateName] = {
    "ACCEPTED": "accepted",
    "PROCESSING": "processing",
    "WAIT_USER_CONFIRM": "waiting_user",
    "TRANSFERING": "transferring",
    "SUCCESS": "paid",
    "FAIL": "failed",
    "CANCELING": "processing",
    "CANCELLED": "cancelled",
}
NOTICE_KINDS: Mapping[str, NoticeKind] = {
    "TRANSACTION": "payment",
    "REFUND": "refund",
    "MCHTRANSFER": "transfer",
}
_FINAL_TRANSFERS = ("paid", "failed", "cancelled")


class Understanding:
    """What cannot be understood in a believed answer is an unknown outcome, not a crash."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (KeyError, TypeError, ValueError, AttributeError, OSError, EOFError)):
            raise GatewayUnknown(f"WeChat's answer cannot be understood: {error!r}") from error


def text(value: Any) -> str:
    """A text that is not empty. Raises ``ValueError`` for anything else."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is not a text")
    return value


def moment(text: Any) -> datetime | None:
    """An instant of WeChat's (RFC 3339), aware; nothing for nothing. Raises ``ValueError`` for nonsense."""
    if not text:
        return None
    parsed = datetime.fromisoformat(str(text))
    if parsed.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return parsed


def fen(value: Any) -> int:
    """A whole, positive amount. Raises ``ValueError`` for anything else."""
    if type(value) is not int or value <= 0:
        raise ValueError(f"{value!r} is not an amount in fen")
    return value


def payment_state(told: Mapping[str, Any]) -> PaymentState:
    """A payment as queried. Raises ``KeyError`` or ``ValueError`` when it cannot be understood."""
    return PaymentState(
        number=told["out_trade_no"],
        state=PAYMENT_STATES[told["trade_state"]],
        amount_fen=fen(told["amount"]["total"]) if told.get("amount") else 0,
        transaction_id=told.get("transaction_id") or "",
        payer_openid=(told.get("payer") or {}).get("openid") or "",
        paid_at=moment(told.get("success_time")),
        reference=told.get("attach") or "",
        app_id=told.get("appid") or "",
    )


def refund_state(told: Mapping[str, Any]) -> RefundState:
    """A refund as answered or queried. Raises ``KeyError`` or ``ValueError`` when it cannot be understood."""
    return RefundState(
        number=told["out_refund_no"],
        payment_number=told["out_trade_no"],
        state=REFUND_STATES[told["status"]],
        amount_fen=fen(told["amount"]["refund"]),
        refund_id=told["refund_id"],
        succeeded_at=moment(told.get("success_time")),
    )


def transfer_state(told: Mapping[str, Any], amount_fen: int | None = None) -> TransferState:
    """A transfer as answered (which does not repeat the amount) or queried.

    Raises ``KeyError`` or ``ValueError`` when it cannot be understood.
    """
    state = TRANSFER_STATES[told["state"]]
    return TransferState(
        number=told["out_bill_no"],
        state=state,
        amount_fen=fen(told["transfer_amount"]) if amount_fen is None else amount_fen,
        bill_id=told.get("transfer_bill_no") or "",
        package_info=told.get("package_info") or "",
        fail_reason=told.get("fail_reason") or "",
        finished_at=moment(told.get("update_time")) if state in _FINAL_TRANSFERS else None,
        openid=told.get("openid") or "",
    )
