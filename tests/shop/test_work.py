"""The to-do list in the database."""

from datetime import timedelta

import pytest
from django.utils import timezone

from settings import schedule
from settings.celery import app
from shop.work import actions
from shop.work.models import Due
from shop.work.queries import neglected_age, oldest_due_age, parked_count
from shop.work.sweep import run_due

pytestmark = pytest.mark.django_db

SEEN: list[str] = []


def note_it(*, subject: str, now: object) -> None:
    SEEN.append(subject)


def fail_always(*, subject: str, now: object) -> None:
    raise ValueError("the parcel has no address")


def ask_again(*, subject: str, now: object) -> None:
    actions.remember(what="ask", subject=subject, due_at=timezone.now() + timedelta(hours=1))


@pytest.fixture(autouse=True)
def handlers(settings):
    SEEN.clear()
    settings.DUE_WORK = {
        "note": "tests.shop.test_work.note_it",
        "fail": "tests.shop.test_work.fail_always",
        "ask": "tests.shop.test_work.ask_again",
    }


def test_work_is_done_when_due_and_not_before():
    now = timezone.now()
    actions.remember(what="note", subject="early", due_at=now + timedelta(minutes=5))
    actions.remember(what="note", subject="due", due_at=now - timedelta(minutes=5))

    assert run_due(rounds_max=5) == 1
    assert SEEN == ["due"]
    assert Due.objects.get(subject="early").state == "open"
    assert Due.objects.get(subject="due").state == "done"


def test_asking_twice_is_asking_once_at_the_earlier_time():
    now = timezone.now()
    actions.remember(what="note", subject="one", due_at=now + timedelta(hours=2))
    actions.remember(what="note", subject="one", due_at=now + timedelta(hours=1))
    actions.remember(what="note", subject="one", due_at=now + timedelta(hours=3))

    assert [due.due_at for due in Due.objects.all()] == [now + timedelta(hours=1)]


def test_work_asked_for_again_while_being_done_stays_open():
    actions.remember(what="ask", subject="parcel", due_at=timezone.now())

    assert run_due(rounds_max=5) == 0
    due = Due.objects.get(subject="parcel")
    assert (due.state, due.claimed_until) == ("open", None)
    assert due.due_at > timezone.now() + timedelta(minutes=50)


def test_a_claimed_row_is_nobody_elses_until_its_lease_ends():
    actions.remember(what="note", subject="held", due_at=timezone.now())
    (held,) = actions.claim(what="note", limit=10)

    assert actions.claim(what="note", limit=10) == []
    Due.objects.filter(pk=held.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
    (again,) = actions.claim(what="note", limit=10)
    assert (again.pk, again.attempts) == (held.pk, 2)
    assert actions.done(held) is False
    assert actions.done(again) is True


def test_failing_work_comes_back_later_and_is_parked_with_its_reason(settings):
    settings.LINJIA_WORK_ATTEMPTS_MAX = 2
    actions.remember(what="fail", subject="poison", due_at=timezone.now())
    actions.remember(what="note", subject="healthy", due_at=timezone.now())

    assert run_due(rounds_max=1) == 1
    assert SEEN == ["healthy"]
    due = Due.objects.get(subject="poison")
    assert (due.state, due.last_error) == ("open", "ValueError: the parcel has no address")
    assert due.due_at > timezone.now()

    Due.objects.filter(pk=due.pk).update(due_at=timezone.now())
    run_due(rounds_max=1)
    assert Due.objects.get(subject="poison").state == "parked"
    assert parked_count() == 1

    actions.remember(what="fail", subject="poison", due_at=timezone.now())
    assert list(Due.objects.filter(subject="poison").values_list("state", "attempts")) == [("open", 0)]


def test_the_oldest_age_tells_how_late_the_work_is():
    now = timezone.now()
    assert oldest_due_age(now) == timedelta(0)
    actions.remember(what="note", subject="late", due_at=now - timedelta(minutes=3))
    assert oldest_due_age(now) == timedelta(minutes=3)


def test_many_looks_at_one_thing_are_no_failed_tries():
    actions.remember(what="ask", subject="parcel", due_at=timezone.now())
    for _look in range(3):
        run_due(rounds_max=1)
        Due.objects.update(due_at=timezone.now() - timedelta(seconds=1))

    assert Due.objects.get(subject="parcel").attempts == 0


def test_work_whose_worker_dies_every_time_is_parked(settings):
    settings.LINJIA_WORK_ATTEMPTS_MAX = 3
    actions.remember(what="note", subject="killer", due_at=timezone.now())
    for _death in range(3):
        assert len(actions.claim(what="note", limit=1)) == 1
        Due.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))

    assert run_due(rounds_max=2) == 0
    killer = Due.objects.get(subject="killer")
    assert (killer.state, killer.last_error, SEEN) == ("parked", "its worker died 3 times", [])


def test_work_that_somebody_holds_is_not_neglected():
    now = timezone.now()
    assert neglected_age(now) == timedelta(0)
    actions.remember(what="note", subject="old", due_at=now - timedelta(minutes=5))
    assert neglected_age(now) == timedelta(minutes=5)
    actions.claim(what="note", limit=1)
    assert neglected_age(now) == timedelta(0)
    Due.objects.update(claimed_until=now - timedelta(minutes=2))
    assert neglected_age(now) == timedelta(minutes=2)


def test_money_that_is_due_does_not_wait_behind_bells():
    """Each order rings for a sweep; what settles has a queue of its own, from which a worker takes in turn."""
    app.loader.import_default_modules()
    queues = {name: app.amqp.router.route({}, task["task"])["queue"].name for name, task in schedule.BEAT.items()}
    money = {"settle_suppliers", "settle_commissions", "close_statements", "close_days", "watch_database"}
    assert {name for name, queue in queues.items() if queue == "money"} == money
    assert {queue for name, queue in queues.items() if name not in money} == {"default"}
