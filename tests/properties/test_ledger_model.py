"""Random postings against a book of plain dictionaries: same answers, same balances, books that hold."""

import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shop.base.errors import Conflict
from shop.ledger.actions import (
    AlreadyReversed,
    Entry,
    InsufficientFunds,
    KeyReused,
    Posting,
    post_many,
    reverse,
)
from shop.ledger.export import beancount_lines
from shop.ledger.models import Journal
from shop.ledger.queries import balances_fen, statement, trial_balance, verify

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
DEBIT_GROWS = ("gateway/sandbox", "platform/channel_cost", "platform/loss", "coupon/platform")

Move = tuple[str, str, int]


def grows_by_debit(path: str) -> bool:
    return path in DEBIT_GROWS or path.endswith("/debt")


def is_guarded(path: str) -> bool:
    return path.endswith(("/clearing", "/available", "/paying", "/debt"))


@dataclass
class Book:
    """What the ledger should do, as simply as it can be said."""

    balances: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    asked: dict[str, object] = field(default_factory=dict)
    moves: dict[str, list[Move]] = field(default_factory=dict)
    reversed: dict[str, str] = field(default_factory=dict)

    def post(self, postings: list[Posting]) -> int | type[Conflict]:
        new: dict[str, Posting] = {}
        for posting in postings:
            known = new.get(posting.key, self.asked.get(posting.key, posting))
            if known != posting:
                return KeyReused
            if posting.key not in self.asked:
                new[posting.key] = posting
        balances = defaultdict(int, self.balances)
        moves = {key: self._moves(posting, balances) for key, posting in new.items()}
        if any(balance < 0 and is_guarded(path) for path, balance in balances.items()):
            return InsufficientFunds
        self.balances = balances
        self.asked |= new
        self.moves |= moves
        return len(new)

    def reverse(self, key: str, under: str) -> type[Conflict] | None:
        if self.reversed.get(key, under) != under:
            return AlreadyReversed
        if self.asked.get(under, ("reversal", key)) != ("reversal", key):
            return KeyReused
        if under in self.asked:
            return None
        balances = defaultdict(int, self.balances)
        mirrored = [(credit, debit, amount) for debit, credit, amount in self.moves[key]]
        for debit, credit, amount in mirrored:
            self._move(debit, credit, amount, balances)
        if any(balance < 0 and is_guarded(path) for path, balance in balances.items()):
            return InsufficientFunds
        self.balances = balances
        self.asked[under] = ("reversal", key)
        self.moves[under] = mirrored
        self.reversed[key] = under
        return None

    def _moves(self, posting: Posting, balances: dict[str, int]) -> list[Move]:
        moves: list[Move] = []
        for entry in posting.entries:
            first, second = entry.amount_fen, 0
            if entry.debit_rest:
                first = min(entry.amount_fen, max(balances[entry.debit], 0))
            elif entry.credit_first:
                first = min(entry.amount_fen, max(balances[entry.credit_first], 0))
            second = entry.amount_fen - first
            halves = [
                (entry.debit, entry.credit_first or entry.credit, first),
                (entry.debit_rest or entry.debit, entry.credit, second),
            ]
            for debit, credit, amount in halves:
                if amount:
                    self._move(debit, credit, amount, balances)
                    moves.append((debit, credit, amount))
        return moves

    @staticmethod
    def _move(debit: str, credit: str, amount: int, balances: dict[str, int]) -> None:
        balances[debit] += amount if grows_by_debit(debit) else -amount
        balances[credit] += -amount if grows_by_debit(credit) else amount


@st.composite
def entries(draw: st.DrawFn) -> tuple[str, str, Entry]:
    """A kind, a reference, and an entry that the kind allows; few parties, so that they meet."""
    order, party = draw(st.sampled_from("12")), draw(st.sampled_from(("store/A", "store/B")))
    amount = draw(st.integers(1, 1000))
    clearing, gateway = f"order/O{order}/clearing", "gateway/sandbox"
    frozen, available, debt = f"{party}/frozen", f"{party}/available", f"{party}/debt"
    kind, entry = draw(
        st.sampled_from(
            [
                ("payment_received", Entry(gateway, clearing, amount)),
                ("commission_accrued", Entry(clearing, frozen, amount)),
                ("fee_taken", Entry(clearing, "platform/fee", amount)),
                ("coupon_funded", Entry("coupon/platform", clearing, amount)),
                ("commission_settled", Entry(frozen, available, amount)),
                ("commission_settled", Entry(frozen, available, amount, credit_first=debt)),
                ("commission_clawed_back", Entry(available, clearing, amount, debit_rest=debt)),
                ("commission_clawed_back", Entry(available, clearing, amount)),
                ("refund_paid", Entry(clearing, gateway, amount)),
                ("withdrawal_started", Entry(available, f"{party}/paying", amount)),
                ("withdrawal_failed", Entry(f"{party}/paying", available, amount)),
                ("withdrawal_paid", Entry(f"{party}/paying", gateway, amount)),
                ("withdrawal_paid", Entry(f"{party}/paying", "tax/withheld", amount)),
                ("debt_repaid", Entry(available, debt, amount)),
                ("loss_written_off", Entry("platform/loss", debt, amount)),
                ("channel_cost", Entry("platform/channel_cost", gateway, amount)),
            ]
        )
    )
    return kind, f"O{order}", entry


@st.composite
def postings(draw: st.DrawFn) -> Posting:
    kind, reference, entry = draw(entries())
    doubled = draw(st.integers(0, 9)) == 0
    key = f"k{draw(st.integers(0, 60))}"
    return Posting(kind, reference, key, [entry, entry] if doubled else [entry])


# Something to start from: without money nearly everything is refused.
FUNDED = [
    Posting("payment_received", "O1", "p1", [Entry("gateway/sandbox", "order/O1/clearing", 3000)]),
    Posting("payment_received", "O2", "p2", [Entry("gateway/sandbox", "order/O2/clearing", 2000)]),
    Posting("commission_accrued", "O1", "a1", [Entry("order/O1/clearing", "store/A/frozen", 900)]),
    Posting("commission_accrued", "O2", "a2", [Entry("order/O2/clearing", "store/B/frozen", 900)]),
    Posting("commission_settled", "O1", "s1", [Entry("store/A/frozen", "store/A/available", 500)]),
    Posting("commission_clawed_back", "O2", "b2", [Entry("store/B/debt", "order/O2/clearing", 400)]),
]
BATCHES = st.lists(st.lists(postings(), min_size=1, max_size=4), min_size=1, max_size=12).map(
    lambda batches: [FUNDED, *batches]
)


def play(batches: list[list[Posting]], undone: list[int]) -> Book:
    """Post to both books, comparing every answer and, at the end, everything there is."""
    book = Book()
    for batch in batches:
        expected = book.post(batch)
        try:
            assert post_many(postings=batch, at=AT) == expected
        except Conflict as refusal:
            assert type(refusal) is expected  # noqa: PT017 - the model says whether
    for number in undone:
        plain = [key for key, asked in book.asked.items() if isinstance(asked, Posting)]
        if plain:
            key, under = plain[number % len(plain)], f"undo{number % 7}"
            outcome = book.reverse(key, under)
            try:
                assert reverse(journal=Journal.objects.get(key=key), key=under, at=AT).key == under
                assert outcome is None
            except Conflict as refusal:
                assert type(refusal) is outcome  # noqa: PT017 - the model says whether
    assert balances_fen(list(book.balances)) == book.balances
    for path, balance in book.balances.items():
        assert sum(line.amount_fen for line in statement(path)) == balance
    lines = trial_balance()
    assert sum(line.debits_fen for line in lines) == sum(line.credits_fen for line in lines)
    # Nothing guards a frozen account but its owner's rows; that it is short must be found.
    short = {p for p, balance in book.balances.items() if p.endswith("/frozen") and balance < 0}
    assert {(finding.check, finding.subject) for finding in verify()} == {("below_zero", path) for path in short}
    return book


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES, undone=st.lists(st.integers(0, 100), max_size=4))
def test_the_ledger_does_what_the_plain_book_does(batches: list[list[Posting]], undone: list[int]) -> None:
    with transaction.atomic():
        play(batches, undone)
        transaction.set_rollback(True)


@pytest.mark.django_db
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES, undone=st.lists(st.integers(0, 100), max_size=4))
def test_bean_check_agrees(tmp_path: Path, batches: list[list[Posting]], undone: list[int]) -> None:
    with transaction.atomic():
        play(batches, undone)
        file = tmp_path / "books.beancount"
        file.write_text("\n".join(beancount_lines()) + "\n")
        transaction.set_rollback(True)
    program = Path(sys.executable).with_name("bean-check")
    checked = subprocess.run([program, "--no-cache", file], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_the_generator_reaches_the_risky_paths() -> None:
    """The comparison above is worth something only if refusals and splits do occur."""
    seen: set[object] = set()

    @settings(max_examples=150, deadline=None, database=None, derandomize=True)
    @given(batches=BATCHES)
    def look(batches: list[list[Posting]]) -> None:
        book = Book()
        for batch in batches:
            outcome = book.post(batch)
            seen.add(outcome if isinstance(outcome, type) else "posted" if outcome else "again")
        for key, asked in book.asked.items():
            if isinstance(asked, Posting) and len(book.moves[key]) > len(asked.entries):
                seen.add("split")

    look()
    assert seen >= {KeyReused, InsufficientFunds, "posted", "split"}
