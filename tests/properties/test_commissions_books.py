"""Refunds, settlements and withdrawals in any order leave a store with exactly what it is entitled to."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distributors.commissions.models import ClawBack, Commission
from distributors.commissions.rules import entitled_after_refund
from distributors.payouts import actions as payouts
from shop.base.errors import Conflict
from shop.base.money import share_bp
from shop.ledger import chart
from shop.ledger.queries import balance_fen
from tests.distributors.sellers import moment, money, open_store, payee, refund, settle, sold

pytestmark = pytest.mark.django_db


class _Undo(Exception):
    """Leave no example behind."""


@st.composite
def stories(draw: st.DrawFn) -> tuple[int, int, int, list[tuple[str, int]]]:
    """Return base, rate, amount and what happens: refunds (cumulative), settling, withdrawing."""
    base = draw(st.integers(100, 200_000))
    rate = draw(st.integers(1, 5_000))
    whole = share_bp(base, rate)
    amount = draw(st.one_of(st.just(whole), st.integers(0, whole)))
    cuts = sorted(draw(st.lists(st.integers(0, base), max_size=5)))
    steps = [("refund", cut) for cut in cuts]
    for what in ("settle", "withdraw"):
        steps.insert(draw(st.integers(0, len(steps))), (what, 0))
    if draw(st.booleans()):
        steps.append(("refund", base))
    return base, rate, amount, steps


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stories())
def test_whatever_happens_in_between_the_store_keeps_what_the_refunds_leave(story):
    base, rate, amount, steps = story
    if amount == 0:
        return
    try:
        with transaction.atomic():
            _play(base, rate, amount, steps)
            raise _Undo
    except _Undo:
        pass


def _play(base: int, rate: int, amount: int, steps: list[tuple[str, int]]) -> None:
    store = open_store("阿禾 Ahe")
    payee(store)
    number = sold(store, level1_fen=amount, paid_fen=base, level1_bp=rate)
    refunded = 0
    for place, (what, cut) in enumerate(steps):
        if what == "settle":
            settle(number)
        elif what == "withdraw":
            _withdraw_all(store)
        else:
            refunded = cut
            refund(number, f"F{place}", cut)
        left = entitled_after_refund(base_fen=base, refunded_fen=refunded, rate_bp=rate, amount_fen=amount)
        found = money(store)
        assert min(found.values()) >= 0
        assert found["frozen"] + found["available"] + found["paying"] - found["debt"] == left
        row = Commission.objects.get(order_number=number)
        assert row.left_fen == left
        assert sum(ClawBack.objects.values_list("amount_fen", flat=True)) == amount - left
        assert balance_fen(chart.clearing(number)) == base - left
    if refunded == base:
        assert Commission.objects.get(order_number=number).state == "clawed_back"


def _withdraw_all(store) -> None:
    available = money(store)["available"]
    try:
        payouts.request(store=store, amount_fen=max(available, 100), now=moment())
    except Conflict:
        assert available < 100 or money(store)["debt"] > 0
