"""People who buy, take back and withdraw over the API, and remember what they were promised.

Every intent has its key before the first send and keeps it over every try. What was answered with success is an
acknowledged operation: it must be there afterwards, once.
"""

import contextlib
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Any

import requests

from shop.gateways.sandbox.client import SandboxError
from tests.faults.stack import Stack, within

TRY_SECONDS = 90.0
ANSWER_SECONDS = 12.0
LATE_SECONDS = 60.0
END_SECONDS = 120.0


@dataclass
class Try:
    """One send: when, how long until what."""

    at: float
    seconds: float
    status: int
    path: str
    content_type: str = ""
    text: str = ""


@dataclass
class Record:
    """What was acknowledged, and every single try on the way there."""

    orders: set[str] = field(default_factory=set)
    paid: dict[str, str] = field(default_factory=dict)  # payment -> order
    taken_back: set[str] = field(default_factory=set)
    withdrawals: set[str] = field(default_factory=set)
    tries: list[Try] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def since(self, moment: float) -> list[Try]:
        with self.lock:
            return [each for each in self.tries if each.at >= moment]

    def was_answered(self, *, since: float) -> bool:
        """Whether something that was sent after this moment has had its answer."""
        return any(0 < each.status < 500 for each in self.since(since))


def same(what: str, found: Iterable[Any], expected: Iterable[Any]) -> None:
    """Two lists hold the same, each thing as often. Raises AssertionError with what is missing and what is too much."""
    here, there = Counter(list(found)), Counter(list(expected))
    assert here == there, (
        f"{what}: too much {list((here - there).elements())}, missing {list((there - here).elements())}"
    )


class Refused(Exception):
    """The shop said no, and would say it again."""


class Client:
    """One signed-in person with a telephone."""

    def __init__(self, stack: Stack, record: Record, name: str, phone: str) -> None:
        self.stack, self.record, self.name, self.phone = stack, record, name, phone
        self._session = requests.Session()
        self._session.trust_env = False
        code = stack.control.login_code(name, uuid.uuid4().hex)
        asked = {"code": code, "phone_code": stack.control.phone_code(phone, uuid.uuid4().hex)}
        told = self.ask("POST", "auth/wechat-sign-in/", asked)
        self._session.headers["Authorization"] = f"Bearer {told['access']}"
        self.number: str = self.ask("GET", "me/")["number"]
        self.openid = stack.control.openid_of(name)

    def ask(self, method: str, path: str, body: Any = None, *, is_intent: bool = False) -> Any:
        """Ask until there is an answer that is one; with one key for all tries when it is an intent."""
        headers = {"Idempotency-Key": str(uuid.uuid4())} if is_intent else {}
        deadline = time.monotonic() + TRY_SECONDS
        while True:
            answer = self.send(method, path, body, headers)
            if answer is not None and answer.status_code < 400:
                return answer.json() if answer.content else None
            is_final = answer is not None and answer.status_code < 500 and answer.status_code != 429
            if is_final and "request_in_progress" not in answer.text:
                raise Refused(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
            if time.monotonic() > deadline:
                self.record.given_up.append(
                    f"{method} {path}: {answer.text[:300] if answer is not None else 'silence'}"
                )
                raise TimeoutError(self.record.given_up[-1])
            time.sleep(0.2)

    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> requests.Response | None:
        """Send once; None when no answer came."""
        began, moment = time.monotonic(), time.monotonic()
        answer = None
        with contextlib.suppress(requests.RequestException):
            answer = self._session.request(
                method, f"{self.stack.url}/api/v1/{path}", json=body, headers=headers, timeout=ANSWER_SECONDS
            )
        told = Try(
            moment, time.monotonic() - began, answer.status_code if answer is not None else 0, path,
            answer.headers.get("Content-Type", "") if answer is not None else "",
            answer.text[:300] if answer is not None and answer.status_code >= 400 else "",
        )  # fmt: skip
        with self.record.lock:
            self.record.tries.append(told)
        return answer


class Town:
    """Customers, store owners, and what may be done by them at any moment."""

    def __init__(self, stack: Stack, *, is_thorough: bool, customers: int = 4, owners: int = 2) -> None:
        began = time.monotonic()
        self.stack, self.record, self.is_thorough = stack, Record(), is_thorough
        self.customers = [Client(stack, self.record, f"buyer{n}", f"1370000{n:04d}") for n in range(customers)]
        self.owners = [Client(stack, self.record, f"owner{n}", f"1360000{n:04d}") for n in range(owners)]
        told = stack.hands(
            "seed", customers=[each.number for each in self.customers], owners=[each.number for each in self.owners]
        )
        self.skus, self.addresses, self.stores = told["skus"], told["addresses"], told["stores"]
        self.returnable: str = told["returnable"]
        for owner in self.owners:
            owner.ask(
                "PUT",
                "me/store/payout-account/",
                {"real_name": "何小禾" if owner is self.owners[0] else "林大林", "agrees": True},
            )
        self._fund()
        print(f"the town lives after {time.monotonic() - began:.1f} s")

    # --- what people do ------------------------------------------------------------------------------------------

    def place(self, who: Client, quantity: int = 1, *, skus: list[str] | None = None) -> str:
        """Order tea and peaches of two suppliers, or what is named; the order's number."""
        body = {
            "items": [{"sku": sku, "quantity": quantity} for sku in skus or self.skus],
            "address": self.addresses[who.number],
        }
        number: str = who.ask("POST", "orders/", body, is_intent=True)["number"]
        self.record.orders.add(number)
        return number

    def pay(self, who: Client, order: str) -> str:
        """Begin to pay, then pay inside WeChat; the payment's number."""
        number: str = who.ask("POST", f"orders/{order}/payments/", {"kind": "jsapi"}, is_intent=True)["number"]
        self.stack.control.pay(number, openid=who.openid)
        self.record.paid[number] = order
        return number

    def take_back(self, who: Client, order: str) -> None:
        """Cancel an order; what was paid goes back."""
        who.ask("POST", f"orders/{order}/cancel/", {}, is_intent=True)
        self.record.taken_back.add(order)

    def withdraw(self, owner: Client, amount_fen: int = 100) -> str:
        """Ask for money."""
        told = owner.ask("POST", "me/store/withdrawals/", {"amount_fen": amount_fen}, is_intent=True)
        self.record.withdrawals.add(told["number"])
        return str(told["number"])

    def buy(self, who: Client, *, takes_back: bool = False, skus: list[str] | None = None) -> str:
        """Order and pay, perhaps think better of it."""
        order = self.place(who, skus=skus)
        self.pay(who, order)
        if takes_back:
            self.take_back(who, order)
        return order

    def withdraw_and_approve(self, owner: Client) -> str:
        number = self.withdraw(owner)
        self.stack.hands("approve", withdrawal=number)
        return number

    def _fund(self) -> None:
        """Let every store earn, all the way, so that there is something to withdraw."""
        for who in self.customers[: len(self.owners)]:
            order = self.place(who, quantity=60)
            self.pay(who, order)
            self.deliver(who, order)

    def deliver(self, who: Client, order: str, *, patience: float = LATE_SECONDS) -> None:
        """Ship, receive, complete, settle: by hand, over the API, by the workers, each within so many seconds."""
        hands = self.stack.hands
        waited = within(patience, lambda: hands("state_of", kind="order", number=order) == "paid", 0.3)
        assert waited is not None, f"order {order} was paid at the gateway and is not here"
        hands("ship", order=order)
        for part in who.ask("GET", f"orders/{order}/")["supplier_orders"]:
            try:
                who.ask("POST", f"orders/{order}/parts/{part['number']}/receive/")
            except Refused:
                # The answer of an earlier try was lost: it has been received, or more than that.
                assert hands("state_of", kind="part", number=part["number"]) in ("received", "completed")

        def is_complete() -> bool:
            return bool(hands("state_of", kind="order", number=order) == "completed")

        assert within(patience, is_complete, 0.3) is not None, f"order {order} does not complete"

        def is_settled() -> bool:
            for name in ("distributors.commissions.tasks.settle_due", "orders.settlements.tasks.settle_due"):
                hands("send_task", name=name)
            return bool(hands("settled", order=order))

        assert within(patience, is_settled, 1.0) is not None, f"the earnings of {order} are not settled"

    # --- people at work in the background ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def busy(self, random: Random, *, pause: float = 0.6, withdraws: bool = True) -> Iterator[None]:
        """Everybody buys, takes back and withdraws, until the block ends; every intent is followed to its answer."""
        enough = threading.Event()

        def live(who: Client, seed: int) -> None:
            chance = Random(seed)
            while not enough.is_set():
                with contextlib.suppress(TimeoutError):
                    if who in self.owners:
                        self.withdraw(who)
                        time.sleep(1.0)
                    else:
                        self.buy(who, takes_back=chance.random() < 0.3)
                time.sleep(pause * chance.random())

        people = [*self.customers, *(self.owners if withdraws else [])]
        with ThreadPoolExecutor(max_workers=len(people)) as pool:
            lives = [pool.submit(live, who, random.getrandbits(32)) for who in people]
            try:
                yield
            finally:
                enough.set()
        for one in lives:
            one.result()

    # --- what must hold ----------------------------------------------------------------------------------------------

    def approve_all(self) -> None:
        """Staff let every withdrawal be paid that was asked for."""
        for number, state in self.stack.hands("books")["withdrawals"].items():
            if state == "requested":
                self.stack.hands("approve", withdrawal=number)

    def settle(self) -> float:
        """Wait until nothing due is late and no money's way is unknown; how long it took, in seconds."""
        self.approve_all()
        hands = self.stack.hands
        late = within(LATE_SECONDS, lambda: not hands("unfinished")["due"], 0.3)
        assert late is not None, f"still late after {LATE_SECONDS} s: {hands('unfinished')}"

        def is_over() -> bool:
            left = hands("unfinished")
            for number in left["waiting"]:
                # She accepts the money in WeChat; a second time says that she has.
                with contextlib.suppress(SandboxError):
                    self.stack.control.confirm_transfer(number)
            still = [number for number in left["payments"] if number in self.record.paid]
            return not (still or left["refunds"] or left["withdrawals"] or left["waiting"])

        end = within(END_SECONDS, is_over, 0.3)
        assert end is not None, f"unknown after {END_SECONDS} s: {hands('unfinished')}"
        return late + end

    def verify(self) -> None:
        """Nothing acknowledged is missing, nothing is there twice, the books hold, and ours agree with the gateway's."""
        hands, record = self.stack.hands, self.record
        same("given up", record.given_up, [])
        same("faults", hands("faults"), [])
        same("parked", hands("parked"), [])
        books = hands("books")
        same("orders", books["orders"], record.orders)
        same("withdrawals", books["withdrawals"], record.withdrawals)
        same("payments", [number for number, state in books["payments"].items() if state == "succeeded"], record.paid)
        self._verify_refunds(books)
        self._verify_once(books)

    def _verify_refunds(self, books: dict[str, Any]) -> None:
        owed = self.record.taken_back & set(self.record.paid.values())
        same("refunds", [order for order, *_ in books["refunds"]], owed)
        theirs = [row for row in self.stack.control.book() if row.kind == "refund" and row.state == "succeeded"]
        mine = [(number, fen) for _, number, fen, state in books["refunds"] if state == "succeeded"]
        same("refunds at the gateway", [(row.number, row.amount_fen) for row in theirs], mine)

    def _verify_once(self, books: dict[str, Any]) -> None:
        """Each movement once: in the gateway's own book, and in ours."""
        book = self.stack.control.book()
        same("payments at the gateway", [row.number for row in book if row.kind == "payment"], self.record.paid)
        sent = [number for number, state in books["withdrawals"].items() if state == "paid"]
        same("transfers at the gateway", [row.number for row in book if row.kind == "transfer"], sent)
        posted: dict[str, list[str]] = {}
        for kind, reference in books["journals"]:
            posted.setdefault(kind, []).append(reference)
        same("payments posted", posted.get("payment_received", []), self.record.paid.values())
        same("withdrawals posted", posted.get("withdrawal_paid", []), sent)
        same("withdrawals begun", posted.get("withdrawal_started", []), self.record.withdrawals)

    def prove_alive(self) -> None:
        """A fresh way from the order to the payout, through everything."""
        who, owner = self.customers[0], self.owners[0]
        order = self.buy(who)
        self.deliver(who, order)
        number = self.withdraw_and_approve(owner)
        hands, control = self.stack.hands, self.stack.control

        def waits() -> bool:
            return bool(hands("state_of", kind="withdrawal", number=number) == "waiting_user")

        assert within(LATE_SECONDS, waits, 0.3) is not None, f"withdrawal {number} is not sent"
        control.confirm_transfer(number)
        paid = within(LATE_SECONDS, lambda: hands("state_of", kind="withdrawal", number=number) == "paid", 0.3)
        assert paid is not None, f"withdrawal {number} is not paid"

    def recover(self) -> float:
        """The common ending of every fault: settled, verified, and alive; the seconds until it was settled.

        The short form walks the whole way from order to payout after some faults only.
        """
        seconds = self.settle()
        self.verify()
        if self.is_thorough:
            self.prove_alive()
        return seconds
