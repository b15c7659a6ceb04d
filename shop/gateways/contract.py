"""What every payment rail can do, in our words.

A rail is asked with numbers that the caller has already stored. Every call may be repeated with the same number:
it then tells what happened the first time instead of doing it again. All amounts are whole fen.

How a call can end:

* it returns: the gateway has answered, and the answer is believed because it was signed;
* ``GatewayRefused``: the gateway answered and definitely did not do it;
* ``GatewayUnknown``: nobody can tell (time-out, broken answer, 5xx), or the gateway was too busy to say. Ask again
  with the **same** number.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

CollectionKind = Literal["jsapi", "native", "h5"]
NoticeKind = Literal["payment", "refund", "transfer"]
PaymentStateName = Literal["not_found", "unpaid", "paid", "closed", "refunded"]
RefundStateName = Literal["not_found", "processing", "succeeded", "abnormal", "closed"]
TransferStateName = Literal[
    "not_found",
    "accepted",
    "processing",
    "waiting_user",
    "transferring",
    "paid",
    "failed",
    "cancelled",
]


class GatewayUnknown(Exception):
    """The outcome is unknown: settle it by a query with the same number, never by a new number."""


class GatewayRefused(Exception):
    """The gateway definitely did not do it.

    ``code`` is the gateway's own word (such as ``PARAM_ERROR``), ``message`` its explanation for staff.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class NoticeRejected(Exception):
    """A notice that is not proven to come from the gateway, for us, now. Answer 401 and change nothing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Collection:
    """What to collect from a customer.

    ``number`` is ours (6 to 32 letters, digits, ``_``, ``-``); ``expires_at`` is aware; ``payer_openid`` is needed
    for ``jsapi`` (payment inside WeChat), ``native`` gives a code to scan, ``h5`` a page for a phone's browser, which
    wants the payer's address in ``payer_ip``. ``reference`` is a word of ours (at most 128 bytes) that the gateway keeps
    with the payment and gives back, so that a payment we lost still says what it was for. ``app_id`` is the app the
    openid belongs to, one of those bound to our merchant; empty: the rail's first.
    """

    number: str
    amount_fen: int
    description: str
    expires_at: datetime
    payer_openid: str | None = None
    kind: CollectionKind = "jsapi"
    payer_ip: str = ""
    reference: str = ""
    app_id: str = ""


@dataclass(frozen=True)
class CollectResult:
    """How the customer goes on.

    ``client_params`` are the signed arguments of ``wx.requestPayment`` (``jsapi``); ``code_url`` is what the QR
    code holds (``native``) or the page to open (``h5``). What does not apply is empty.
    """

    prepay_id: str
    client_params: dict[str, str]
    code_url: str


@dataclass(frozen=True)
class PaymentState:
    """What the gateway knows about a payment. ``refunded`` means: paid, and at least one refund was asked for.

    ``app_id`` is the app it was asked through, empty where the gateway does not name it.
    """

    number: str
    state: PaymentStateName
    amount_fen: int = 0
    transaction_id: str = ""
    payer_openid: str = ""
    paid_at: datetime | None = None
    reference: str = ""
    app_id: str = ""


@dataclass(frozen=True)
class RefundState:
    """What the gateway knows about a refund. ``abnormal``: the payer's account refused it, staff must act."""

    number: str
    payment_number: str
    state: RefundStateName
    amount_fen: int = 0
    refund_id: str = ""
    succeeded_at: datetime | None = None


@dataclass(frozen=True)
class TransferState:
    """What the gateway knows about a transfer to a person.

    In ``waiting_user`` the person must confirm within 24 hours; ``package_info`` opens that confirmation in WeChat.
    Only ``transfer()`` gives the package, again for the same number while it waits; a query does not. Only a query
    tells the ``openid`` it goes to.
    """

    number: str
    state: TransferStateName
    amount_fen: int = 0
    bill_id: str = ""
    package_info: str = ""
    fail_reason: str = ""
    finished_at: datetime | None = None
    openid: str = ""


@dataclass(frozen=True)
class Notice:
    """A proven message of the gateway.

    ``event_id`` is unique per event and the same for every repetition. ``number`` is ours (payment, refund or
    transfer number by ``kind``), ``state`` is a word of the matching ``…State``, ``transaction_id`` the gateway's
    number of the same thing (``refund_id`` for refunds, ``bill_id`` for transfers). ``app_id`` is empty where the
    gateway does not name it (refunds, transfers). ``raw`` is the whole decrypted message. Proven means: the gateway said so; whether number and amount fit our books is the caller's to check.
    """

    event_id: str
    kind: NoticeKind
    number: str
    state: str
    amount_fen: int
    merchant_id: str
    app_id: str
    transaction_id: str
    created_at: datetime
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BookEntry:
    """One line of the gateway's own book, for reconciliation. ``amount_fen`` is always positive; ``kind`` tells
    the direction: ``payment`` in, ``refund`` and ``transfer`` out. ``reference`` is what was kept with a payment, and
    the payment's number for a refund.
    """

    kind: NoticeKind
    number: str
    state: str
    amount_fen: int
    gateway_id: str
    at: datetime
    reference: str = ""


class Gateway(Protocol):
    """A rail. All methods may raise ``GatewayRefused`` and ``GatewayUnknown``; see the module for their meaning."""

    @property
    def name(self) -> str:
        """The rail's name, as in the ledger's ``gateway/<name>``."""

    def collect(self, collection: Collection) -> CollectResult:
        """Ask a customer for money. The same number with the same facts gives a payable result again."""

    def query_payment(self, number: str) -> PaymentState:
        """Ask what became of a payment; an unknown number is the state ``not_found``, not an error."""

    def close_payment(self, number: str) -> None:
        """Make an unpaid payment unpayable. Closing a closed one is fine; a paid or unknown one is refused."""

    def refund(
        self,
        *,
        number: str,
        payment_number: str,
        amount_fen: int,
        total_fen: int,
        reason: str,
        transaction_id: str = "",
    ) -> RefundState:
        """Give back ``amount_fen`` of a payment of ``total_fen``. ``processing`` means accepted, not done.

        ``transaction_id`` chooses one of several payments under the same number; without it, it is the first.
        """

    def query_refund(self, number: str) -> RefundState:
        """Ask what became of a refund; an unknown number is the state ``not_found``."""

    def transfer(
        self, *, number: str, openid: str, amount_fen: int, real_name: str | None, remark: str, app_id: str = ""
    ) -> TransferState:
        """Pay a person. ``number`` is letters and digits only, at most 32. ``real_name`` is needed from 2,000 yuan.

        ``app_id`` is the app the openid belongs to, one of those bound to our merchant; empty: the rail's first.
        """

    def query_transfer(self, number: str) -> TransferState:
        """Ask what became of a transfer; an unknown number is the state ``not_found``."""

    def cancel_transfer(self, number: str) -> TransferState:
        """Withdraw a transfer that the person has not yet confirmed."""

    def read_notice(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """Prove and open a notice. Takes ``request.headers`` and the raw body; raises ``NoticeRejected``."""

    def book(self, since: datetime) -> Iterator[BookEntry]:
        """The gateway's own lines from ``since`` on, day by day, each movement once. Memory does not grow with them.

        A line is as its day's book was made; what happened to it later only a query tells.
        """
