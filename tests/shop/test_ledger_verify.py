"""Closing days, and finding what a privileged hand changed behind the guards' back."""

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import override

from shop.ledger import chart
from shop.ledger.actions import Entry, Posting, close_days, post_many, reverse
from shop.ledger.models import Closing, DailyDigest, Journal, Transfer
from shop.ledger.queries import balance_fen, verify
from shop.ledger.tasks import close_days as close_days_task
from shop.ledger.verification import INVARIANTS

pytestmark = pytest.mark.django_db

GATEWAY = chart.gateway("sandbox")
FROZEN, AVAILABLE = chart.store_frozen("MEI001"), chart.store_available("MEI001")


def noon(days_ago: int) -> datetime:
    day = timezone.localdate() - timedelta(days=days_ago)
    return datetime(day.year, day.month, day.day, 12, tzinfo=timezone.get_default_timezone())


def behind_the_guards(*statements: str) -> None:
    """Do what only a superuser can: with the triggers out of the way."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = origin")


def sale(order: str, amount_fen: int, days_ago: int = 0) -> None:
    """Book a sale of which Mei's store earns all, as if ``days_ago``."""
    clearing = chart.clearing(order)
    post_many(
        postings=[
            Posting("payment_received", order, f"p:{order}", [Entry(GATEWAY, clearing, amount_fen)]),
            Posting("commission_accrued", order, f"c:{order}", [Entry(clearing, FROZEN, amount_fen)]),
            Posting("commission_settled", order, f"s:{order}", [Entry(FROZEN, AVAILABLE, 10)]),
        ],
        at=noon(days_ago),
    )
    if days_ago:
        stamp = f"'{noon(days_ago).isoformat()}'"
        behind_the_guards(
            f"UPDATE ledger_journal SET posted_at = {stamp} WHERE reference = '{order}'",
            f"UPDATE ledger_transfer SET posted_at = {stamp} WHERE journal_id IN "
            f"(SELECT id FROM ledger_journal WHERE reference = '{order}')",
        )


def close_until(last: date) -> list[DailyDigest]:
    """Close the days up to `last`, and those after it that are over."""
    closed = close_days(now=noon(1))
    assert closed[-1].date >= last
    return closed


def three_days() -> list[DailyDigest]:
    """Two sales, then a quiet day, then one sale; and one after the last closed day."""
    sale("O1", 1_000, days_ago=4)
    sale("O2", 500, days_ago=4)
    sale("O3", 200, days_ago=2)
    sale("O4", 50)
    return close_until(noon(2).date())


def test_days_are_closed_once_and_in_a_chain() -> None:
    closed = three_days()

    assert [day.date for day in closed] == [noon(4).date(), noon(3).date(), noon(2).date()]
    assert [day.transfers_count for day in closed] == [6, 0, 3]
    assert [day.previous for day in closed] == ["", closed[0].digest, closed[1].digest]
    assert len({day.digest for day in closed}) == 3
    assert close_days(now=noon(1)) == []
    assert verify() == []


def test_the_digest_can_be_recomputed_outside_the_database() -> None:
    first, second, _third = three_days()
    utc = "%Y-%m-%dT%H:%M:%S.%fZ"
    hashes = b""
    rows = Transfer.objects.filter(posted_at__lt=first.until_at).order_by("posted_at", "id")
    for row in rows.select_related("journal", "debit", "credit"):
        line = [
            row.journal.key,
            row.journal.kind,
            row.journal.reference,
            row.debit.path,
            row.credit.path,
            row.amount_fen,
            row.journal.happened_at.astimezone(UTC).strftime(utc),
            row.posted_at.astimezone(UTC).strftime(utc),
        ]
        hashes += hashlib.sha256(json.dumps(line, ensure_ascii=False).encode()).digest()
    head = json.dumps(["", first.date.isoformat(), 6]).encode()
    assert first.digest == hashlib.sha256(head + hashes).hexdigest()

    head = json.dumps([first.digest, second.date.isoformat(), 0]).encode()
    assert second.digest == hashlib.sha256(head).hexdigest()


def test_balances_go_on_from_the_last_closing() -> None:
    three_days()

    assert list(
        Closing.objects.filter(account__path=FROZEN).order_by("date").values_list("date", "debits_fen", "credits_fen")
    ) == [(noon(4).date(), 20, 1_500), (noon(2).date(), 30, 1_700)]
    # Guarded accounts keep running sums instead.
    assert not Closing.objects.filter(account__path=AVAILABLE).exists()
    assert (balance_fen(GATEWAY), balance_fen(FROZEN), balance_fen(AVAILABLE)) == (1_750, 1_710, 40)


def test_a_balance_reads_only_what_came_after_the_closing() -> None:
    three_days()
    # A wrong closing must show, else the balance was summed from the beginning.
    behind_the_guards("UPDATE ledger_closing SET credits_fen = credits_fen + 1")
    assert balance_fen(FROZEN) == 1_711


def test_nothing_is_closed_before_its_end_or_without_a_posting() -> None:
    assert close_days(now=timezone.now()) == []
    sale("O1", 1_000)
    assert close_days(now=timezone.now()) == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_close_day(current_date, now() - interval '4 minutes')")
        assert cursor.fetchone() == (False,)


def test_days_are_closed_one_after_the_other() -> None:
    three_days()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT ledger_close_day(%s, now() - interval '1 hour')", [noon(0).date()])


@pytest.mark.django_db(transaction=True)
def test_a_day_stays_open_while_an_older_transaction_may_still_join_it() -> None:
    with transaction.atomic():
        sale("O1", 1_000, days_ago=3)
    late = connection.copy()
    late.set_autocommit(False)
    with late.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()")
        assert close_days(now=noon(1)) == []
    late.rollback()
    late.close()
    assert [day.date for day in close_until(noon(2).date())] == [noon(3).date(), noon(2).date()]


@pytest.mark.django_db(transaction=True)
def test_another_database_of_the_server_keeps_no_day_open() -> None:
    with transaction.atomic():
        sale("O1", 1_000, days_ago=3)
    elsewhere = connection.get_new_connection(connection.get_connection_params() | {"dbname": "postgres"})
    with elsewhere.cursor() as cursor:
        cursor.execute("BEGIN; SELECT pg_current_xact_id()")
        assert [day.date for day in close_days(now=noon(1))] == [noon(3).date(), noon(2).date()]
    elsewhere.close()


def test_the_task_closes_and_the_command_prints_digests() -> None:
    sale("O1", 1_000, days_ago=3)
    out = printed("close_day")
    assert out == "".join(f"{day.date}={day.digest}\n" for day in DailyDigest.objects.order_by("date"))
    assert out.startswith(f"{noon(3).date()}=")
    assert close_days_task() == 0


def test_the_task_counts_what_it_closed() -> None:
    sale("O1", 1_000, days_ago=3)
    assert close_days_task() == DailyDigest.objects.count() >= 2


def printed(command: str, *arguments: str) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out, stderr=out)
    return out.getvalue()


def found() -> set[tuple[str, str]]:
    return {(finding.check, finding.subject) for finding in verify()}


def test_the_command_is_content_with_good_books_and_not_with_bad() -> None:
    closed = three_days()
    with override("en"):
        *told, verdict = printed("verify_ledger").splitlines()
        assert verdict == "The books hold."
        assert [line.split()[:2] for line in told] == [[number, "holds"] for number in INVARIANTS]
    report = json.loads(printed("verify_ledger", "--json"))
    assert (report["holds"], report["findings"]) == (True, [])
    assert [one["id"] for one in report["invariants"] if one["holds"] and one["checks"]] == list(INVARIANTS)

    behind_the_guards("UPDATE ledger_transfer SET amount_fen = 11 WHERE amount_fen = 10")
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("verify_ledger", stdout=out, stderr=out)
    assert end.value.code == 1
    assert f"digest: {closed[0].date}: closed with 6 transfers" in out.getvalue()
    assert f"running_sums: {AVAILABLE}: kept 0/40, transfers say 0/44 fen" in out.getvalue()
    with pytest.raises(SystemExit), override("en"):
        call_command("verify_ledger", "--json", stdout=(out := StringIO()), stderr=StringIO())
    report = json.loads(out.getvalue())
    assert not report["holds"]
    assert {one["id"] for one in report["invariants"] if not one["holds"]} == {"M2", "M5", "M22"}
    assert "running_sums" in {one["check"] for one in report["findings"]}


PLANTED = {
    "an amount of a closed day": (
        (
            "UPDATE ledger_transfer SET amount_fen = 999 WHERE amount_fen = 1000 AND debit_id = "
            "(SELECT id FROM ledger_account WHERE path = 'gateway/sandbox')"
        ),
        {"running_sums", "closing", "digest", "below_zero"},
    ),
    "who got it": (
        (
            "UPDATE ledger_transfer SET credit_id = "
            "(SELECT id FROM ledger_account WHERE path = 'store/MEI001/available') "
            "WHERE amount_fen = 200 AND credit_id = "
            "(SELECT id FROM ledger_account WHERE path = 'store/MEI001/frozen')"
        ),
        {"running_sums", "closing", "digest", "move_not_allowed"},
    ),
    "a transfer less": (
        "DELETE FROM ledger_transfer WHERE amount_fen = 500",
        {"running_sums", "closing", "digest", "journal_without_transfer"},
    ),
    "a journal less": (
        "DELETE FROM ledger_journal WHERE key = 'c:O4'",
        {"transfer_without_journal_or_account"},
    ),
    "a journal's reference": (
        "UPDATE ledger_journal SET reference = 'O9' WHERE key = 'p:O1'",
        {"digest"},
    ),
    "a journal's time": (
        "UPDATE ledger_journal SET happened_at = happened_at - interval '1 day' WHERE key = 'p:O1'",
        {"digest"},
    ),
    "a running sum": (
        "UPDATE ledger_account SET credits_fen = credits_fen + 5 WHERE path = 'store/MEI001/available'",
        {"book_sum", "running_sums"},
    ),
    "a closing": ("UPDATE ledger_closing SET debits_fen = debits_fen + 5", {"book_sum", "closing"}),
    "a closing less": ("DELETE FROM ledger_closing", {"book_sum", "closing"}),
    "a digest": (
        "UPDATE ledger_dailydigest SET digest = repeat('0', 64) WHERE transfers_count = 6",
        {"digest", "digest_chain"},
    ),
    "a day less": (
        "DELETE FROM ledger_dailydigest WHERE transfers_count = 0",
        {"digest_chain"},
    ),
    "a trigger": (
        "ALTER TABLE ledger_transfer DISABLE TRIGGER ledger_transfer_rows",
        {"guard_missing"},
    ),
    "a constraint": (
        "ALTER TABLE ledger_account DROP CONSTRAINT ledger_account_not_negative",
        {"guard_missing"},
    ),
    "a binary fraction": (
        "ALTER TABLE ledger_transfer ADD COLUMN rebate_fen double precision",
        {"float_column"},
    ),
    "an account less": (
        (
            "UPDATE ledger_transfer SET credit_id = 0 WHERE amount_fen = 50 AND credit_id = "
            "(SELECT id FROM ledger_account WHERE path = 'store/MEI001/frozen')"
        ),
        {"journal_sums", "book_sum", "transfer_without_journal_or_account"},
    ),
    "a right of the app": ("GRANT UPDATE (amount_fen) ON ledger_transfer TO linjia_app", {"app_rights"}),
    "a unique key": (
        "ALTER TABLE ledger_journal DROP CONSTRAINT ledger_journal_key",
        {"guard_missing"},
    ),
}


@pytest.mark.parametrize("change", PLANTED)
def test_a_planted_change_is_found(change: str) -> None:
    three_days()
    assert verify() == []
    statement, checks = PLANTED[change]
    # A deferred foreign key may still have its say, which would keep the table from being altered.
    behind_the_guards("SET CONSTRAINTS ALL IMMEDIATE", statement)
    assert {check for check, _subject in found()} == checks


def test_frozen_money_below_zero_is_found() -> None:
    sale("O1", 5)
    assert found() == {("below_zero", FROZEN)}


def test_a_reversal_that_is_no_mirror_is_found() -> None:
    sale("O1", 1_000)
    reverse(journal=Journal.objects.get(key="s:O1"), key="undo", at=noon(0))
    assert verify() == []
    behind_the_guards(
        "UPDATE ledger_transfer SET amount_fen = 9 WHERE journal_id IN "
        "(SELECT id FROM ledger_journal WHERE kind = 'reversal')"
    )
    assert ("reversal_not_a_mirror", "undo") in found()


def test_a_rewritten_chain_is_found_by_a_digest_kept_outside() -> None:
    first, second, third = three_days()
    kept = first.digest
    behind_the_guards(
        "UPDATE ledger_journal SET reference = 'O9' WHERE key = 'p:O1'",
        f"UPDATE ledger_dailydigest SET digest = (SELECT digest FROM ledger_day_digest("
        f"date, '-infinity', until_at, '')) WHERE date = '{first.date}'",
        f"UPDATE ledger_dailydigest d SET previous = p.digest, digest = (SELECT n.digest FROM "
        f"ledger_day_digest(d.date, p.until_at, d.until_at, p.digest) n) "
        f"FROM ledger_dailydigest p WHERE p.date = '{first.date}' AND d.date = '{second.date}'",
        f"UPDATE ledger_dailydigest d SET previous = p.digest, digest = (SELECT n.digest FROM "
        f"ledger_day_digest(d.date, p.until_at, d.until_at, p.digest) n) "
        f"FROM ledger_dailydigest p WHERE p.date = '{second.date}' AND d.date = '{third.date}'",
    )
    # Within the database everything fits again …
    assert verify() == []
    # … but not with what was kept elsewhere.
    assert [finding.check for finding in verify(digests={first.date: kept})] == ["digest_outside"]
    assert [finding.check for finding in verify(digests={date(2001, 1, 1): kept})] == ["digest_outside"]
    with pytest.raises(SystemExit):
        printed("verify_ledger", f"--digest={first.date}={kept}")
    with pytest.raises(CommandError):
        printed("verify_ledger", "--digest=yesterday")
