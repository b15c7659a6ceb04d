"""What the database itself refuses: to the app's role, to a careless owner, to two hands at once."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from shop.ledger import chart
from shop.ledger.actions import (
    AlreadyReversed,
    Entry,
    InsufficientFunds,
    KeyReused,
    Posting,
    close_days,
    post,
    post_many,
    reverse,
)
from shop.ledger.models import Account, Journal, Transfer
from shop.ledger.queries import balance_fen, balances_fen, order_money_map, statement, verify

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
GATEWAY = chart.gateway("sandbox")
CLEARING = chart.clearing("O1")
AVAILABLE, PAYING = chart.store_available("MEI001"), chart.store_paying("MEI001")

AsAppRole = Callable[[], AbstractContextManager[None]]


def earn(amount_fen: int) -> None:
    """Give the store of Mei something to withdraw."""
    frozen = chart.store_frozen("MEI001")
    with transaction.atomic():
        post_many(
            postings=[
                Posting("payment_received", "O1", "p", [Entry(GATEWAY, CLEARING, amount_fen)]),
                Posting("commission_accrued", "O1", "c", [Entry(CLEARING, frozen, amount_fen)]),
                Posting("commission_settled", "O1", "s", [Entry(frozen, AVAILABLE, amount_fen)]),
            ],
            at=AT,
        )


def withdraw(number: str, amount_fen: int) -> Posting:
    return Posting("withdrawal_started", number, f"w:{number}", [Entry(AVAILABLE, PAYING, amount_fen)])


TAMPERING = {
    "edit a transfer": "UPDATE ledger_transfer SET amount_fen = 1",
    "delete transfers": "DELETE FROM ledger_transfer",
    "empty the transfers": "TRUNCATE ledger_transfer",
    "edit a journal": "UPDATE ledger_journal SET reference = 'O2'",
    "delete journals": "DELETE FROM ledger_journal",
    "empty the journals": "TRUNCATE ledger_journal CASCADE",
    "add to an old journal": (
        "INSERT INTO ledger_transfer (journal_id, debit_id, credit_id, amount_fen, posted_at) "
        "SELECT journal_id, debit_id, credit_id, 1, posted_at FROM ledger_transfer LIMIT 1"
    ),
    "add to no journal": (
        "INSERT INTO ledger_transfer (journal_id, debit_id, credit_id, amount_fen, posted_at) "
        "SELECT 0, debit_id, credit_id, 1, posted_at FROM ledger_transfer LIMIT 1"
    ),
    "edit a balance": "UPDATE ledger_account SET credits_fen = credits_fen + 1 WHERE guarded",
    "unguard an account": "UPDATE ledger_account SET guarded = false",
    "delete an account": "DELETE FROM ledger_account",
    "empty the accounts": "TRUNCATE ledger_account CASCADE",
    "open a full account": (
        "INSERT INTO ledger_account (path, kind, guarded, debits_fen, credits_fen) "
        "VALUES ('store/THIEF/available', 'liability', true, 0, 100000)"
    ),
    "open an unguarded account": (
        "INSERT INTO ledger_account (path, kind, guarded, debits_fen, credits_fen) "
        "VALUES ('store/THIEF/available', 'liability', false, 0, 0)"
    ),
    "open an account off the chart": (
        "INSERT INTO ledger_account (path, kind, guarded, debits_fen, credits_fen) "
        "VALUES ('thief', 'liability', false, 0, 0)"
    ),
    "empty the digests": "TRUNCATE ledger_dailydigest",
    "empty the closings": "TRUNCATE ledger_closing",
}
ONLY_APP = {
    "post past the function": (
        "INSERT INTO ledger_journal (kind, reference, key, content, happened_at) "
        "VALUES ('fee_taken', 'O1', 'x', '', now())"
    ),
    "open an account by hand": (
        "INSERT INTO ledger_account (path, kind, guarded, debits_fen, credits_fen) "
        "VALUES ('gateway/x', 'asset', false, 0, 0)"
    ),
    "forge a digest": (
        "INSERT INTO ledger_dailydigest (date, until_at, previous, digest, transfers_count) "
        "VALUES ('2026-01-01', now(), '', '', 0)"
    ),
    "edit a digest": "UPDATE ledger_dailydigest SET digest = ''",
    "put the triggers aside": "ALTER TABLE ledger_transfer DISABLE TRIGGER USER",
    "slip past the triggers": "SET session_replication_role = replica",
    "write through a view": "UPDATE audit.accounts SET path = 'x'",
}


def refused(statement: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_the_app_can_do_its_work_and_no_mischief(as_app_role: AsAppRole) -> None:
    with as_app_role():
        earn(1_000)
        with transaction.atomic():
            journal = post(
                kind="withdrawal_started",
                reference="W1",
                key="w",
                entries=[Entry(AVAILABLE, PAYING, 400)],
                at=AT,
            )
            reverse(journal=journal, key="undo", at=AT)
        assert close_days(now=AT) == []
        before = list(Transfer.objects.order_by("id").values())

        for statement_text in (TAMPERING | ONLY_APP).values():
            refused(statement_text)

        assert list(Transfer.objects.order_by("id").values()) == before
        assert balance_fen(AVAILABLE) == 1_000
        assert len(statement(AVAILABLE)) == 3
        assert len(order_money_map("O1")) == 3
        assert verify() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deed", TAMPERING)
def test_the_owner_is_stopped_by_the_triggers(deed: str) -> None:
    earn(1_000)
    refused(TAMPERING[deed])
    assert (Journal.objects.count(), Transfer.objects.count()) == (3, 3)
    assert verify() == []


@pytest.mark.django_db
def test_the_stamp_of_a_journal_cannot_be_forged() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_journal (kind, reference, key, content, happened_at, posted_at, posted_xid) "
            "VALUES ('fee_taken', 'O1', 'x', '', '2001-01-01', '2001-01-01', '5') "
            "RETURNING posted_xid = pg_current_xact_id(), clock_timestamp() - posted_at < interval '1 min'"
        )
        assert cursor.fetchone() == (True, True)


@pytest.mark.django_db
def test_sums_follow_transfers_whoever_adds_them() -> None:
    earn(1_000)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH j AS (INSERT INTO ledger_journal (kind, reference, key, content, happened_at) "
            "VALUES ('withdrawal_started', 'W1', 'by hand', '', now()) RETURNING id, posted_at) "
            "SELECT id, posted_at FROM j"
        )
        journal_id, posted_at = cursor.fetchone()
        post_many(postings=[withdraw("W0", 1)], at=AT)
        cursor.execute(
            "INSERT INTO ledger_transfer (journal_id, debit_id, credit_id, amount_fen, posted_at) "
            "SELECT %s, d.id, c.id, 300, %s FROM ledger_account d, ledger_account c "
            "WHERE d.path = %s AND c.path = %s",
            [journal_id, posted_at, AVAILABLE, PAYING],
        )
    assert balances_fen([AVAILABLE, PAYING]) == {AVAILABLE: 699, PAYING: 301}
    assert verify() == []


@pytest.mark.django_db
def test_the_rights_are_exactly_these() -> None:
    call_command("grant_app_role", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, string_agg(privilege_type, ',' ORDER BY privilege_type) "
            "FROM information_schema.role_table_grants "
            "WHERE grantee = 'linjia_app' AND table_name LIKE 'ledger%%' GROUP BY 1 ORDER BY 1",
            [],
        )
        assert cursor.fetchall() == [
            ("ledger_account", "SELECT"),
            ("ledger_balance", "SELECT"),
            ("ledger_closing", "SELECT"),
            ("ledger_dailydigest", "SELECT"),
            ("ledger_journal", "SELECT"),
            ("ledger_line", "SELECT"),
            ("ledger_transfer", "SELECT"),
        ]
        cursor.execute("SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = 'linjia_app'")
        assert cursor.fetchone() == (False, False)
        cursor.execute(
            "SELECT proname FROM pg_proc WHERE proname LIKE 'ledger\\_%%' "
            "AND has_function_privilege('linjia_auditor', oid, 'EXECUTE') "
            "AND prorettype <> 'trigger'::regtype",
            [],
        )
        assert cursor.fetchall() == []


@pytest.mark.django_db
def test_auditors_read_the_audit_views_and_nothing_else() -> None:
    earn(1_000)
    call_command("grant_app_role", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE linjia_auditor")
        cursor.execute("SELECT path, kind, balance_fen FROM audit.accounts ORDER BY path")
        assert cursor.fetchall() == [
            (GATEWAY, "asset", 1_000),
            (CLEARING, "liability", 0),
            (AVAILABLE, "liability", 1_000),
            (chart.store_frozen("MEI001"), "liability", 0),
        ]
        cursor.execute(
            "SELECT journal_key, journal_kind, reference, debit, credit, amount_fen "
            "FROM audit.transfers WHERE journal_key = 's'"
        )
        assert cursor.fetchall() == [("s", "commission_settled", "O1", chart.store_frozen("MEI001"), AVAILABLE, 1_000)]
        refused("SELECT * FROM ledger_transfer")
        refused("DELETE FROM audit.transfers")


def race(*runs: Callable[[], object]) -> list[object]:
    """Run all at once, each on a connection of its own; return what each returned or raised."""
    barrier = threading.Barrier(len(runs))
    results: list[object] = [None] * len(runs)

    def run(number: int) -> None:
        try:
            barrier.wait(timeout=10)
            with transaction.atomic():
                results[number] = runs[number]()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(runs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return results


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rounds", range(5))
def test_racing_withdrawals_never_overspend_and_some_succeed(rounds: int) -> None:
    earn(1_000)

    results = race(
        *(lambda number=number: post_many(postings=[withdraw(f"W{number}", 300)], at=AT) for number in range(8))
    )

    refusals = [result for result in results if isinstance(result, InsufficientFunds)]
    assert results.count(1) == 3
    assert len(refusals) == 5
    assert balances_fen([AVAILABLE, PAYING]) == {AVAILABLE: 100, PAYING: 900}
    assert verify() == []


@pytest.mark.django_db(transaction=True)
def test_racing_batches_in_opposite_order_do_not_deadlock() -> None:
    stores = [f"STORE{number}" for number in range(40)]
    with transaction.atomic():
        entries = [Entry(GATEWAY, CLEARING, 100_000)]
        post(kind="payment_received", reference="O1", key="p", entries=entries, at=AT)

    def batch(name: str, order: list[str]) -> Callable[[], int]:
        postings = [
            posting
            for store in order
            for posting in (
                Posting(
                    "commission_accrued",
                    "O1",
                    f"a:{name}:{store}",
                    [Entry(CLEARING, chart.store_frozen(store), 10)],
                ),
                Posting(
                    "commission_settled",
                    "O1",
                    f"s:{name}:{store}",
                    [Entry(chart.store_frozen(store), chart.store_available(store), 10)],
                ),
            )
        ]
        return lambda: post_many(postings=postings, at=AT)

    results = race(*(batch(str(n), stores if n % 2 else stores[::-1]) for n in range(6)))

    assert results == [80] * 6
    assert balance_fen(chart.store_available("STORE7")) == 60
    assert verify() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("rounds", range(3))
def test_racing_posts_of_one_key_post_once(rounds: int) -> None:
    pay = Posting("payment_received", "O1", "p", [Entry(GATEWAY, CLEARING, 700)])
    # Touches no guarded account: the key alone decides.
    cost = Posting("channel_cost", "O1", "cost", [Entry(chart.platform_channel_cost(), GATEWAY, 4)])

    results = race(*([lambda: post_many(postings=[pay, cost], at=AT)] * 6))
    assert sorted(results) == [0, 0, 0, 0, 0, 2]  # type: ignore[type-var]
    assert balance_fen(CLEARING) == 700

    results = race(
        *(
            lambda amount=amount: post_many(
                postings=[
                    Posting(
                        "channel_cost",
                        "O1",
                        "other",
                        [Entry(chart.platform_channel_cost(), GATEWAY, amount)],
                    )
                ],
                at=AT,
            )
            for amount in (1, 2, 3)
        )
    )
    assert [type(result) for result in results].count(KeyReused) == 2
    assert results.count(1) == 1
    assert Journal.objects.filter(key="other").count() == 1
    assert Account.objects.filter(path=GATEWAY).count() == 1
    assert verify() == []


@pytest.mark.django_db(transaction=True)
def test_racing_reversals_reverse_once() -> None:
    cost = [Entry(chart.platform_channel_cost(), GATEWAY, 4)]
    with transaction.atomic():
        journal = post(kind="channel_cost", reference="O1", key="cost", entries=cost, at=AT)

    results = race(*(lambda key=key: reverse(journal=journal, key=f"undo{key}", at=AT) for key in range(4)))

    assert [type(result) for result in results].count(AlreadyReversed) == 3
    assert [type(result) for result in results].count(Journal) == 1
    assert balances_fen([GATEWAY, chart.platform_channel_cost()]) == {
        GATEWAY: 0,
        chart.platform_channel_cost(): 0,
    }
    assert verify() == []
