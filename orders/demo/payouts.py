"""Withdrawals of the demo: paid, waiting for the owner, waiting for staff; and statements paid by bank."""

from collections.abc import Callable
from datetime import datetime, timedelta

from distributors.payouts import actions as requests
from distributors.payouts import sending
from distributors.stores.models import Store
from orders.demo.goods import STAFF
from orders.demo.story import Story
from orders.settlements import statements
from shop.base.errors import DomainError
from shop.ledger import chart
from shop.ledger.queries import balance_fen
from shop.suppliers.models import Supplier

LEAST_FEN = 2_000


def plan(story: Story) -> None:
    """Put the payouts into the story: every store twice, then one that waits at each desk."""
    for days in (45, 20):
        for store in story.stores:
            story.at(story.now - timedelta(days=days), _withdraw(story, store, upto="paid"))
    story.at(story.now - timedelta(hours=5), _withdraw(story, story.stores[1], upto="sent"))
    story.at(story.now - timedelta(hours=2), _withdraw(story, story.stores[0], upto="requested"))


def _withdraw(story: Story, store: Store, *, upto: str) -> Callable[[datetime], None]:
    def act(at: datetime) -> None:
        available_fen = balance_fen(chart.store_available(store.code))
        if available_fen < LEAST_FEN:
            return
        amount_fen = available_fen * 6 // 10
        try:
            row = requests.request(store=store, amount_fen=amount_fen, now=at)
        except DomainError:
            # She owes money, or her payout account cools off: a story like any other.
            return
        if upto == "requested":
            return
        requests.approve(withdrawal=row, actor=STAFF, now=at + timedelta(hours=1))
        story.tell_sandbox(at + timedelta(hours=1))
        sending.send(number=row.number, now=at + timedelta(hours=1))
        if upto == "paid":
            story.sandbox.confirm_transfer(row.number)
            sending.settle_unknown(number=row.number, now=at + timedelta(hours=2))

    return act


def settle_statements(now: datetime) -> None:
    """Every supplier gets a statement of all its days; some confirm it, one is paid, one objects.

    Statements follow the books' own clock, and the books were written just now.
    """
    for place, supplier in enumerate(Supplier.objects.order_by("pk")):
        actor = f"supplier:{supplier.code}"
        try:
            statement = statements.issue_now(supplier=supplier, actor=STAFF, now=now)
        except DomainError:
            continue
        if place == 1:
            statements.dispute(statement=statement, reason="少了一笔运费", actor=actor, now=now)
        elif place < 4:
            statements.confirm_statement(statement=statement, actor=actor, now=now)
        if place in (0, 3):
            payout = statements.pay_statement(statement=statement, actor=STAFF, now=now)
        if place == 0:
            statements.record_payout_paid(number=payout.number, bank_reference="BANK-DEMO-0001", actor=STAFF, now=now)
