"""The tools every app uses: numbers, locks, states and their history, notifications."""

import re
import threading

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone, translation

from shop.base.errors import Conflict, DomainError, Invalid
from shop.base.locks import lock_rows, require_transaction, retry_on_contention
from shop.base.numbers import new_number, new_token, token_hash
from shop.notifications.actions import mark_all_read, notify
from shop.notifications.queries import notifications_of, unread_count
from shop.notifications.rules import TEXTS, render
from shop.states.machine import StateConflict, move, move_many
from shop.states.models import StateChange
from shop.suppliers.models import Supplier
from shop.suppliers.states import SUPPLIER
from tests import world


def test_public_numbers_are_random_readable_and_fit_a_gateway():
    numbers = {new_number("O") for _ in range(2_000)}
    assert len(numbers) == 2_000
    assert all(re.fullmatch(r"O[0-9A-HJKMNP-TV-Z]{16}", number) for number in numbers)
    assert re.fullmatch(r"[0-9A-Za-z]{12}", new_token())
    assert token_hash("a") != token_hash("b")


def test_a_refusal_carries_field_code_and_facts():
    error = Invalid("no", field="quantity", extra={"left": 3})
    assert (error.status, error.code, error.field, error.extra) == (400, "invalid", "quantity", {"left": 3})
    assert isinstance(Conflict("no"), DomainError)


@pytest.mark.django_db(transaction=True)
def test_locking_needs_a_transaction():
    with pytest.raises(transaction.TransactionManagementError):
        require_transaction()
    with pytest.raises(transaction.TransactionManagementError):
        lock_rows(Supplier.objects.all())


@pytest.mark.django_db(transaction=True)
def test_a_deadlocks_victim_is_run_again():
    """Two hands take two rows in crossing order: one is the victim, both end well."""
    one, other = world.yunling(), world.yangshan()
    barrier, done, failures = threading.Barrier(2), [], []

    def take(first: int, second: int) -> None:
        tries = 0

        @retry_on_contention()
        def work() -> None:
            nonlocal tries
            tries += 1
            with transaction.atomic():
                Supplier.objects.select_for_update().get(pk=first)
                if tries == 1:
                    barrier.wait(timeout=10)
                Supplier.objects.select_for_update().get(pk=second)

        try:
            work()
            done.append(tries)
        except Exception as error:  # noqa: BLE001 - handed to the assertion below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=pair) for pair in ((one.pk, other.pk), (other.pk, one.pk))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert (failures, sorted(done)) == ([], [1, 2])


@pytest.mark.django_db
def test_a_state_moves_along_the_table_once_and_leaves_a_trace():
    supplier = world.yunling()
    seen_by_another = Supplier.objects.get(pk=supplier.pk)
    at = timezone.now()
    move(supplier, "suspended", actor="staff:U1", at=at, reason="papers", changes={"about": "…"})

    with pytest.raises(StateConflict):
        move(seen_by_another, "left", actor="staff:U2", at=at)
    with pytest.raises(StateConflict):
        move(supplier, "applied", actor="staff:U1", at=at)
    trace = StateChange.objects.filter(subject="supplier:yunling").latest("pk")
    assert (trace.source, trace.target, trace.actor, trace.reason) == (
        "active",
        "suspended",
        "staff:U1",
        "papers",
    )
    supplier.refresh_from_db()
    assert (supplier.state, supplier.about) == ("suspended", "…")


@pytest.mark.django_db
def test_many_rows_move_together_and_those_elsewhere_stay():
    one, other = world.yunling(), world.yangshan()
    at = timezone.now()
    move(other, "suspended", actor="system", at=at)
    moved = move_many(Supplier, [one.pk, other.pk], source="active", to="left", actor="system", at=at)
    assert moved == [one.pk]
    with pytest.raises(StateConflict):
        move_many(Supplier, [one.pk], source="left", to="active", actor="system", at=at)
    assert SUPPLIER.ends() == {"left"}


@pytest.mark.django_db
def test_history_is_append_only():
    world.yunling()
    for tamper in (
        lambda: StateChange.objects.update(actor="nobody"),
        lambda: StateChange.objects.all()._raw_delete("default"),
    ):
        with pytest.raises((IntegrityError, Exception), match="append-only"), transaction.atomic():
            tamper()


@pytest.mark.django_db
def test_a_message_is_made_in_the_readers_language_from_plain_facts():
    su = world.person("苏 Su")
    facts = {"order": "O1", "amount_fen": 123_456}
    notify(user_id=su.pk, kind="order_paid", facts=facts, at=timezone.now())
    with pytest.raises(KeyError):
        notify(user_id=su.pk, kind="order_paid", facts={"order": "O1"}, at=timezone.now())
    with pytest.raises(KeyError):
        notify(user_id=su.pk, kind="no_such_kind", facts={}, at=timezone.now())

    assert unread_count(su) == 1
    with translation.override("en"):
        assert render("order_paid", facts)[1] == "Order O1 is paid: ¥1,234.56."
    with translation.override("zh-hans"):
        assert "1,234.56" in render("order_paid", facts)[1]
        assert render("order_paid", facts)[0] != "Payment received"
    assert mark_all_read(user=su, at=timezone.now()) == 1
    assert (unread_count(su), notifications_of(su).count()) == (0, 1)


def test_every_kind_of_message_has_words_in_both_languages():
    for title, text in TEXTS.values():
        with translation.override("zh-hans"):
            chinese = str(title)
        with translation.override("en"):
            assert (str(title) != chinese, bool(str(text))) == (True, True)
