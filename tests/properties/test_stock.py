"""Stock, whatever happens in whatever order: what came in is always accounted for, to the piece."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from shop.catalogue.models import Sku
from shop.stock import actions
from shop.stock.models import Reservation, StockItem
from tests.shop.goods import NOON, orchard, pears

REFERENCES = st.sampled_from(["O1", "O2", "O3"])
PIECES = st.integers(1, 6)


class Shelf(RuleBasedStateMachine):
    """Two SKUs, three orders; a plain model in memory says what must be there."""

    sku: Sku
    other: Sku

    @initialize()
    def fill(self) -> None:
        # Every run is one more supplier; the rows of earlier runs stay out of its way.
        self.tag = str(Sku.objects.count())
        product = pears(orchard(f"果园 {self.tag}"), sizes=("甲", "乙"))
        self.sku, self.other = product.skus.all()
        self.left = {self.sku.pk: 0, self.other.pk: 0}
        self.held: dict[str, dict[int, int]] = {}
        self.sold: dict[str, dict[int, int]] = {}
        self.returned: dict[str, int] = {}

    @rule(pieces=PIECES)
    def receive(self, pieces: int) -> None:
        actions.receive(sku=self.sku, quantity=pieces, reference="D", at=NOON)
        self.left[self.sku.pk] += pieces

    @rule(pieces=st.integers(0, 9))
    def count(self, pieces: int) -> None:
        actions.correct(sku=self.other, on_hand=pieces, reason="counted", at=NOON)
        self.left[self.other.pk] = pieces

    @rule(order=REFERENCES, mine=PIECES, others=st.integers(0, 3))
    def reserve(self, order: str, mine: int, others: int) -> None:
        wanted = {self.sku.pk: mine} | ({self.other.pk: others} if others else {})
        if order in self.held or order in self.sold:
            return
        enough = all(self.left[pk] >= pieces for pk, pieces in wanted.items())
        try:
            actions.reserve(reference=order + self.tag, quantities=wanted, at=NOON)
            assert enough
        except actions.OutOfStock as refusal:
            assert not enough
            short = {fact["sku_id"]: fact["left"] for fact in refusal.extra["skus"]}
            assert short == {pk: self.left[pk] for pk, n in wanted.items() if self.left[pk] < n}
            return
        self.held[order] = wanted
        for pk, pieces in wanted.items():
            self.left[pk] -= pieces

    @rule(order=REFERENCES)
    def release(self, order: str) -> None:
        wanted = self.held.pop(order, None)
        assert actions.release(reference=order + self.tag, at=NOON) is (wanted is not None)
        for pk, pieces in (wanted or {}).items():
            self.left[pk] += pieces

    @rule(order=REFERENCES)
    def commit(self, order: str) -> None:
        wanted = self.held.pop(order, None)
        if wanted is not None:
            self.sold[order] = wanted
        assert actions.commit(reference=order + self.tag, at=NOON) is (order in self.sold)

    @rule(order=REFERENCES)
    def bring_back(self, order: str) -> None:
        if order not in self.sold:
            return
        quantities = self.sold[order]
        actions.restock(reference=f"R{order}{self.tag}", quantities=quantities, at=NOON)
        if order not in self.returned:
            self.returned[order] = 1
            for pk, pieces in quantities.items():
                self.left[pk] += pieces

    @invariant()
    def everything_is_accounted_for(self) -> None:
        if not hasattr(self, "left"):
            return
        for sku in (self.sku, self.other):
            item = StockItem.objects.filter(sku=sku).first() or StockItem(sku=sku)
            held = sum(wanted.get(sku.pk, 0) for wanted in self.held.values())
            sold = sum(wanted.get(sku.pk, 0) for wanted in self.sold.values())
            assert (item.on_hand, item.reserved, item.sold) == (self.left[sku.pk], held, sold)
            assert item.on_hand + item.reserved + item.sold - item.returned == item.received
            reserved = Reservation.objects.filter(sku=sku, state="open").values_list("quantity", flat=True)
            assert sum(reserved) == item.reserved


@pytest.mark.django_db
def test_any_order_of_events_keeps_the_books() -> None:
    run_state_machine_as_test(
        Shelf,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
