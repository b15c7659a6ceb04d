"""Withdrawals of the demo: paid, waiting for the owner, waiting for staff; and statements paid by bank."""

from collections.abc import Callable
from datetime import datetime, timedelta

from distributors.payouts import actions as requests
from distributors.payouts import sending
from distributors.stores.models import Store
from orders.demo.goods import STAFF
from orders.demo.story import Story
from orders.settlements import statements
from orders.settlements.models import Statement
from orders.settlements.states import StatementState
from shop.base.errors import DomainError
from shop.ledger import chart
from shop.ledger.queries import balance_fen

LEAST_FEN = 2_000


def plan(story: Story) -> None:
    """Put the payouts into the story: every store twice, then one that waits at each desk."""
    for days in (45, 20):
        for store in story.stores:
            story.at(story.now - timedelta(days=days), _withdraw(story, store, upto="paid"))
    story.at(story.now - timedelta(hours=5), _withdraw(story, story.stores[1], upto="sent"))
    story.at(story.now - timedelta(hours=2), _withdraw(story, story.stores[0], upto="requested"))
    story.at(story.now - timedelta(days=6), _pay_statements)


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
        sending.send(number=row.number, now=at + timedelta(hours=1))
        if upto == "paid":
            story.sandbox.confirm_transfer(row.number)
            sending.settle_unknown(number=row.number, now=at + timedelta(hours=2))

    return act


def _pay_statements(at: datetime) -> None:
    """Suppliers confirm their older statements; finance pays those by bank."""
    waiting = Statement.objects.filter(state=StatementState.CLOSED).select_related("supplier")
    for number, statement in enumerate(waiting.order_by("pk")):
        actor = f"supplier:{statement.supplier.code}"
        statements.confirm_statement(statement=statement, actor=actor, now=at)
        try:
            payout = statements.pay_statement(statement=statement, actor=STAFF, now=at)
        except DomainError:
            continue
        statements.record_payout_paid(
            number=payout.number, bank_reference=f"BANK{number:06d}", actor=STAFF, now=at
        )
