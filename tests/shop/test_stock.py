"""How many are left: holding, selling, giving back, counting – and never a piece too many."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from shop.base.errors import Conflict, Invalid
from shop.catalogue.models import Sku
from shop.stock import actions, queries
from shop.stock.models import Reservation, StockItem, StockMovement
from tests.shop.goods import NOON, only_sku, orchard, pears


def numbers(sku: Sku) -> tuple[int, int, int, int, int]:
    """Received, on hand, reserved, sold, returned; checked against the movements and reservations."""
    item = StockItem.objects.get(sku=sku)
    open_pieces = sum(Reservation.objects.filter(sku=sku, state="open").values_list("quantity", flat=True))
    assert item.reserved == open_pieces
    assert item.on_hand + item.reserved + item.sold - item.returned == item.received
    by_kind = dict.fromkeys(StockMovement.Kind.values, 0)
    for kind, quantity in StockMovement.objects.filter(sku=sku).values_list("kind", "quantity"):
        by_kind[kind] += quantity
    assert item.sold == by_kind["sold"] and item.returned == by_kind["returned"]
    assert item.reserved == by_kind["reserved"] - by_kind["released"] - by_kind["sold"]
    assert item.received == by_kind["received"] + by_kind["corrected"]
    return item.received, item.on_hand, item.reserved, item.sold, item.returned


@contextmanager
def statements(count: int) -> Iterator[None]:
    with CaptureQueriesContext(connection) as seen:
        yield
    real = [query["sql"] for query in seen if "SAVEPOINT" not in query["sql"]]
    assert len(real) == count, real


@pytest.fixture
def sku(db: None) -> Sku:
    return only_sku(pears(orchard(), pieces=10))


def test_an_order_holds_sells_and_gives_back_its_pieces(sku: Sku) -> None:
    assert numbers(sku) == (10, 10, 0, 0, 0)
    actions.reserve(reference="O1", quantities={sku.pk: 4}, at=NOON)
    assert numbers(sku) == (10, 6, 4, 0, 0)
    assert actions.commit(reference="O1", at=NOON) is True
    assert numbers(sku) == (10, 6, 0, 4, 0)
    actions.restock(reference="R1", quantities={sku.pk: 3}, at=NOON)
    assert numbers(sku) == (10, 9, 0, 4, 3)
    assert queries.available([sku.pk]) == {sku.pk: 9}


def test_an_abandoned_order_gives_its_pieces_back_once(sku: Sku) -> None:
    actions.reserve(reference="O1", quantities={sku.pk: 4}, at=NOON)
    assert [actions.release(reference="O1", at=NOON) for _time in range(3)] == [True, False, False]
    assert numbers(sku) == (10, 10, 0, 0, 0)
    assert actions.commit(reference="O1", at=NOON) is False
    assert numbers(sku) == (10, 10, 0, 0, 0)


def test_selling_twice_sells_once_and_ends_the_reservation(sku: Sku) -> None:
    actions.reserve(reference="O1", quantities={sku.pk: 4}, at=NOON)
    assert [actions.commit(reference="O1", at=NOON) for _time in range(3)] == [True, True, True]
    assert actions.release(reference="O1", at=NOON) is False
    assert numbers(sku) == (10, 6, 0, 4, 0)
    assert [held.state for held in queries.reservations_of("O1")] == ["consumed"]


def test_a_late_payment_gets_its_pieces_again_or_nothing_happens(sku: Sku) -> None:
    actions.reserve(reference="O1", quantities={sku.pk: 8}, at=NOON)
    actions.release(reference="O1", at=NOON)
    assert actions.rereserve_and_commit(reference="O1", quantities={sku.pk: 8}, at=NOON) is True
    assert actions.rereserve_and_commit(reference="O1", quantities={sku.pk: 8}, at=NOON) is True
    assert numbers(sku) == (10, 2, 0, 8, 0)
    actions.reserve(reference="O2", quantities={sku.pk: 2}, at=NOON)
    actions.release(reference="O2", at=NOON)
    actions.reserve(reference="O3", quantities={sku.pk: 1}, at=NOON)
    assert actions.rereserve_and_commit(reference="O2", quantities={sku.pk: 2}, at=NOON) is False
    assert numbers(sku) == (10, 1, 1, 8, 0)


def test_what_is_missing_is_named_and_nothing_is_held(db: None) -> None:
    product = pears(orchard(), sizes=("5 斤", "10 斤", "礼盒"), pieces=3)
    small, large, box = product.skus.all()
    wanted = {small.pk: 3, large.pk: 4, box.pk: 5}
    with pytest.raises(actions.OutOfStock) as refusal:
        actions.reserve(reference="O1", quantities=wanted, at=NOON)
    assert refusal.value.extra["skus"] == [
        {"sku": large.number, "sku_id": large.pk, "wanted": 4, "left": 3},
        {"sku": box.number, "sku_id": box.pk, "wanted": 5, "left": 3},
    ]
    assert "10 斤" in str(refusal.value)
    assert [numbers(sku) for sku in (small, large, box)] == [(3, 3, 0, 0, 0)] * 3
    assert not Reservation.objects.exists()


def test_a_sku_that_never_came_in_has_nothing_left(db: None) -> None:
    sku = only_sku(pears(orchard()))
    with pytest.raises(actions.OutOfStock) as refusal:
        actions.reserve(reference="O1", quantities={sku.pk: 1}, at=NOON)
    assert refusal.value.extra["skus"][0]["left"] == 0


def test_an_order_cannot_hold_twice(sku: Sku) -> None:
    actions.reserve(reference="O1", quantities={sku.pk: 1}, at=NOON)
    with pytest.raises(Conflict):
        actions.reserve(reference="O1", quantities={sku.pk: 1}, at=NOON)
    assert numbers(sku) == (10, 9, 1, 0, 0)


@pytest.mark.parametrize("quantity", [0, -1, 1.5, 10**10, float("nan"), True, "2", None])
def test_only_whole_pieces_are_taken(sku: Sku, quantity: Any) -> None:
    for act in (
        lambda: actions.reserve(reference="O1", quantities={sku.pk: quantity}, at=NOON),
        lambda: actions.receive(sku=sku, quantity=quantity, reference="D1", at=NOON),
        lambda: actions.restock(reference="R1", quantities={sku.pk: quantity}, at=NOON),
    ):
        with pytest.raises(Invalid) as refusal:
            act()
        assert refusal.value.field == "quantity"
    assert numbers(sku) == (10, 10, 0, 0, 0)


def test_a_return_comes_back_once_and_never_more_than_was_sold(sku: Sku) -> None:
    actions.reserve(reference="O1", quantities={sku.pk: 4}, at=NOON)
    actions.commit(reference="O1", at=NOON)
    for _time in range(2):
        actions.restock(reference="R1", quantities={sku.pk: 2}, at=NOON)
    assert numbers(sku) == (10, 8, 0, 4, 2)
    with pytest.raises(Invalid):
        actions.restock(reference="R2", quantities={sku.pk: 3}, at=NOON)
    assert numbers(sku) == (10, 8, 0, 4, 2)


def test_counting_the_shelf_corrects_what_was_received(sku: Sku) -> None:
    actions.reserve(reference="O1", quantities={sku.pk: 4}, at=NOON)
    actions.correct(sku=sku, on_hand=5, reason="one rotten", at=NOON)
    assert numbers(sku) == (9, 5, 4, 0, 0)
    actions.correct(sku=sku, on_hand=5, reason="counted again", at=NOON)
    assert [movement.quantity for movement in queries.movements_of(sku.pk)] == [-1, 4, 10]
    for pieces, reason, field in ((-1, "x", "on_hand"), (3, " ", "reason")):
        with pytest.raises(Invalid) as refusal:
            actions.correct(sku=sku, on_hand=pieces, reason=reason, at=NOON)
        assert refusal.value.field == field


def test_a_list_read_again_does_not_bring_back_what_was_sold(sku: Sku) -> None:
    assert actions.take_count(counts={sku.pk: 12}, source="import", at=NOON) == {sku.pk}
    actions.reserve(reference="O1", quantities={sku.pk: 5}, at=NOON)
    actions.commit(reference="O1", at=NOON)
    assert actions.take_count(counts={sku.pk: 12}, source="import", at=NOON) == set()
    assert numbers(sku) == (12, 7, 0, 5, 0)
    assert actions.take_count(counts={sku.pk: 20}, source="import", at=NOON) == {sku.pk}
    assert numbers(sku) == (25, 20, 0, 5, 0)


@pytest.mark.parametrize("count", [1, 3, 20])
def test_statements_do_not_grow_with_the_skus(db: None, count: int) -> None:
    product = pears(orchard(), sizes=[f"{n} 斤" for n in range(count)], pieces=9)
    quantities = {sku.pk: 2 for sku in product.skus.all()}
    with statements(1):
        actions.reserve(reference="O1", quantities=quantities, at=NOON)
    with statements(1):
        actions.commit(reference="O1", at=NOON)
    with statements(1):
        actions.restock(reference="R1", quantities=quantities, at=NOON)
    actions.reserve(reference="O2", quantities=quantities, at=NOON)
    with statements(1):
        actions.release(reference="O2", at=NOON)
    with statements(1):
        queries.available(quantities)
    assert {numbers(sku) for sku in product.skus.all()} == {(9, 9, 0, 2, 2)}


def test_movements_cannot_be_edited_and_a_reservation_ends_once(
    sku: Sku, as_app_role: Callable[[], AbstractContextManager[None]]
) -> None:
    actions.reserve(reference="O1", quantities={sku.pk: 1}, at=NOON)
    actions.release(reference="O1", at=NOON)
    with as_app_role():
        for edit in (
            lambda: StockMovement.objects.update(quantity=99),
            lambda: StockMovement.objects.all().delete(),
            lambda: Reservation.objects.filter(reference="O1").update(state="consumed"),
            lambda: StockItem.objects.update(on_hand=-1),
            lambda: StockItem.objects.update(received=99),
            lambda: StockItem.objects.update(returned=1, on_hand=11),
        ):
            with pytest.raises(DatabaseError), transaction.atomic():
                edit()
        actions.reserve(reference="O2", quantities={sku.pk: 1}, at=NOON)
        actions.commit(reference="O2", at=NOON)
    assert numbers(sku) == (10, 9, 0, 1, 0)


def test_auditors_read_the_stock_by_public_number(sku: Sku) -> None:
    actions.reserve(reference="O1", quantities={sku.pk: 3}, at=NOON)
    with connection.cursor() as cursor:
        cursor.execute("SELECT sku, received, on_hand, reserved, sold, returned FROM audit.stock")
        assert cursor.fetchall() == [(sku.number, 10, 7, 3, 0, 0)]


def test_sold_counts_follow_without_locking_a_sale(sku: Sku) -> None:
    actions.reserve(reference="O1", quantities={sku.pk: 3}, at=NOON)
    actions.commit(reference="O1", at=NOON)
    actions.restock(reference="R1", quantities={sku.pk: 1}, at=NOON)
    assert actions.count_sold(since=NOON) == 1
    assert actions.count_sold(since=NOON) == 0
    sku.product.refresh_from_db()
    assert sku.product.sold_count == 2


def _try(act: Callable[[], Any]) -> str:
    """One buyer in her own connection: ``ok``, ``short``, or what went wrong."""
    try:
        with transaction.atomic():
            act()
        return "ok"
    except actions.OutOfStock:
        return "short"
    except DatabaseError as error:
        return f"error: {error}"
    finally:
        connection.close()


def _together(acts: list[Callable[[], Any]], threads: int = 8) -> list[str]:
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(_try, acts))


@pytest.mark.django_db(transaction=True)
def test_flash_sale_sells_each_piece_once() -> None:
    sku = only_sku(pears(orchard(), pieces=20))

    def buy(buyer: int) -> Callable[[], None]:
        def act() -> None:
            actions.reserve(reference=f"O{buyer}", quantities={sku.pk: 1}, at=NOON)
            if buyer % 2:
                actions.commit(reference=f"O{buyer}", at=NOON)

        return act

    results = _together([buy(buyer) for buyer in range(100)])
    assert sorted(set(results)) == ["ok", "short"]
    assert results.count("ok") == 20
    received, on_hand, reserved, sold, _returned = numbers(sku)
    assert (received, on_hand, reserved + sold) == (20, 0, 20)


@pytest.mark.django_db(transaction=True)
def test_crossing_carts_share_the_last_pieces_without_a_deadlock() -> None:
    product = pears(orchard(), sizes=("甲", "乙", "丙"), pieces=15)
    a, b, c = (sku.pk for sku in product.skus.all())
    carts = [{a: 1, b: 2}, {b: 2, a: 1}, {c: 1, a: 1}, {b: 1, c: 3}, {c: 2, b: 1, a: 2}]

    def buy(buyer: int) -> Callable[[], None]:
        return lambda: actions.reserve(reference=f"O{buyer}", quantities=carts[buyer % len(carts)], at=NOON)

    results = _together([buy(buyer) for buyer in range(60)])
    assert set(results) == {"ok", "short"}
    for sku in product.skus.all():
        received, on_hand, reserved, _sold, _returned = numbers(sku)
        assert (received, on_hand + reserved) == (15, 15)


@pytest.mark.django_db(transaction=True)
def test_paying_and_giving_up_at_once_ends_the_reservation_one_way() -> None:
    sku = only_sku(pears(orchard(), pieces=10))
    for turn in range(5):
        reference = f"O{turn}"
        actions.reserve(reference=reference, quantities={sku.pk: 2}, at=NOON)
        outcome: list[bool] = []

        def pay(reference: str = reference, outcome: list[bool] = outcome) -> None:
            outcome.append(actions.commit(reference=reference, at=NOON))

        def give_up(reference: str = reference) -> None:
            actions.release(reference=reference, at=NOON)

        assert _together([pay, give_up, pay, give_up], threads=4) == ["ok"] * 4
        state = queries.reservations_of(reference).get().state
        assert outcome == [state == "consumed"] * 2
        numbers(sku)


@pytest.mark.django_db(transaction=True)
def test_the_same_return_twice_at_once_comes_back_once() -> None:
    sku = only_sku(pears(orchard(), pieces=5))
    actions.reserve(reference="O1", quantities={sku.pk: 5}, at=NOON)
    actions.commit(reference="O1", at=NOON)
    again = [lambda: actions.restock(reference="R1", quantities={sku.pk: 2}, at=NOON)] * 6
    assert _together(again) == ["ok"] * 6
    assert numbers(sku) == (5, 2, 0, 5, 2)
