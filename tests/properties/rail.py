"""A gateway that lives in the test: the contract once more, over plain dictionaries, with moods instead of luck.

It knows the truth; what it told is another matter. Notices wait in ``notices`` until somebody delivers or loses them.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from shop.gateways.contract import (
    BookEntry,
    Collection,
    CollectResult,
    GatewayRefused,
    GatewayUnknown,
    Notice,
    PaymentState,
    RefundState,
    TransferState,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
LOST = ("lost before", "lost after")
REFUND_MOODS = ("succeeded", "succeeded", "abnormal", "processing", *LOST)
TRANSFER_MOODS = ("waiting_user", "waiting_user", "failed", *LOST)


@dataclass
class Due:
    """A payment: what is asked for, and every time somebody paid it."""

    fen: int
    is_open: bool = True
    paid: list[str] = field(default_factory=list)


class Rail:
    """Every refund and transfer goes the way of the present mood. ``refunds`` and ``transfers``: number → (fen, state)."""

    name = "sandbox"

    def __init__(self) -> None:
        self.payments: dict[str, Due] = {}
        self.refunds: dict[str, tuple[int, str]] = {}
        self.transfers: dict[str, tuple[int, str]] = {}
        self.notices: list[Notice] = []
        self.refund_mood, self.transfer_mood = "succeeded", "waiting_user"
        self._count = itertools.count(1)

    # What people do there.

    def pay(self, number: str) -> str:
        due = self.payments[number]
        due.paid.append(f"T{next(self._count)}")
        self._write("payment", number, "paid", due.fen, due.paid[-1])
        return due.paid[-1]

    def finish_refund(self, number: str, state: str) -> None:
        fen = self.refunds[number][0]
        self.refunds[number] = (fen, state)
        self._write("refund", number, state, fen, f"R{number}")

    def finish_transfer(self, number: str, state: str) -> None:
        fen = self.transfers[number][0]
        self.transfers[number] = (fen, state)
        self._write("transfer", number, state, fen, f"B{number}")

    def _write(self, kind: Any, number: str, state: str, fen: int, its_id: str) -> None:
        event = f"E{next(self._count)}"
        self.notices.append(Notice(event, kind, number, state, fen, "m", "", its_id, AT))

    # What the shop asks.

    def collect(self, collection: Collection) -> CollectResult:
        self.payments.setdefault(collection.number, Due(collection.amount_fen))
        return CollectResult("", {}, f"pay:{collection.number}")

    def query_payment(self, number: str) -> PaymentState:
        due = self.payments.get(number)
        if due is None:
            return PaymentState(number, "not_found")
        if not due.paid:
            return PaymentState(number, "unpaid" if due.is_open else "closed", due.fen)
        return PaymentState(number, "paid", due.fen, due.paid[0])

    def close_payment(self, number: str) -> None:
        due = self.payments.get(number)
        if due is None or due.paid:
            raise GatewayRefused("ORDERPAID", "paid or never heard of")
        due.is_open = False

    def refund(self, *, number: str, amount_fen: int, **_facts: Any) -> RefundState:
        _fen, state = self.refunds.get(number, (0, ""))
        if state not in ("", "abnormal"):
            return self.query_refund(number)
        if self.refund_mood == "lost before":
            raise GatewayUnknown
        self.refunds[number] = (amount_fen, "processing")
        if self.refund_mood != "processing":
            self.finish_refund(number, "succeeded" if self.refund_mood == "lost after" else self.refund_mood)
        if self.refund_mood == "lost after":
            raise GatewayUnknown
        return RefundState(number, "", "processing", amount_fen, f"R{number}")

    def query_refund(self, number: str) -> RefundState:
        fen, state = self.refunds.get(number, (0, "not_found"))
        return RefundState(number, "", state, fen, f"R{number}")

    def transfer(self, *, number: str, amount_fen: int, **_facts: Any) -> TransferState:
        if self.transfer_mood == "lost before":
            raise GatewayUnknown
        if number not in self.transfers:
            self.transfers[number] = (amount_fen, "waiting_user")
            if self.transfer_mood == "failed":
                self.finish_transfer(number, "failed")
        if self.transfer_mood == "lost after":
            raise GatewayUnknown
        return self.query_transfer(number)

    def query_transfer(self, number: str) -> TransferState:
        fen, state = self.transfers.get(number, (0, "not_found"))
        return TransferState(number, state, fen, f"B{number}", fail_reason="X" if state == "failed" else "")

    def cancel_transfer(self, number: str) -> TransferState:
        if self.transfers.get(number, (0, ""))[1] != "waiting_user":
            raise GatewayRefused("INVALID_REQUEST", "not waiting")
        self.finish_transfer(number, "cancelled")
        return self.query_transfer(number)

    def read_notice(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        raise NotImplementedError("notices are handed over proven")

    def book(self, since: datetime) -> Iterator[BookEntry]:
        raise NotImplementedError("the machine reads the truth itself")
