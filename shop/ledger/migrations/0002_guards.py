"""What the database refuses: editing the books, and adding to a journal of another transaction."""

from django.db import migrations

from shop.states.guards import guard_append_only

# The transaction and the clock are stamped whatever the INSERT says. The number is taken first: a
# journal stamped before midnight then belongs to a transaction that was numbered before midnight,
# which is what closing a day relies on.
STAMP = """
ALTER TABLE ledger_journal ADD COLUMN posted_xid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE FUNCTION ledger_stamp_journal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.posted_xid := pg_current_xact_id();
    NEW.posted_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_journal_stamp BEFORE INSERT ON ledger_journal
    FOR EACH ROW EXECUTE FUNCTION ledger_stamp_journal();
"""

UNSTAMP = """
DROP TRIGGER ledger_journal_stamp ON ledger_journal;
DROP FUNCTION ledger_stamp_journal();
ALTER TABLE ledger_journal DROP COLUMN posted_xid;
"""

# Whoever inserts transfers, and however: the journal must be of this transaction, the accounts must
# exist, and the guarded ones' running sums follow in the same statement. The time is compared too, for
# transaction numbers start again when the books are restored into another cluster.
BOOK = """
CREATE FUNCTION ledger_book_transfers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM booked b
        LEFT JOIN ledger_journal j ON j.id = b.journal_id
        LEFT JOIN ledger_account d ON d.id = b.debit_id
        LEFT JOIN ledger_account c ON c.id = b.credit_id
        WHERE j.posted_xid IS DISTINCT FROM pg_current_xact_id()
           OR j.posted_at IS DISTINCT FROM b.posted_at
           OR d.id IS NULL OR c.id IS NULL
    ) THEN
        RAISE EXCEPTION 'a transfer must join a journal of its own transaction and known accounts'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    UPDATE ledger_account a
    SET debits_fen = a.debits_fen + s.debits_fen, credits_fen = a.credits_fen + s.credits_fen
    FROM (
        SELECT side.account_id, sum(side.debit_fen) AS debits_fen, sum(side.credit_fen) AS credits_fen
        FROM (
            SELECT debit_id AS account_id, amount_fen AS debit_fen, 0 AS credit_fen FROM booked
            UNION ALL
            SELECT credit_id, 0, amount_fen FROM booked
        ) side
        GROUP BY side.account_id
    ) s
    WHERE a.id = s.account_id AND a.guarded;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_transfer_book AFTER INSERT ON ledger_transfer
    REFERENCING NEW TABLE AS booked
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_book_transfers();
"""

UNBOOK = """
DROP TRIGGER ledger_transfer_book ON ledger_transfer;
DROP FUNCTION ledger_book_transfers();
"""

# An account's sums change only from within the trigger above (depth 2: that one and this one).
ACCOUNTS = """
CREATE FUNCTION ledger_guard_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND pg_trigger_depth() > 1 THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'ledger accounts change only by transfers'
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER ledger_account_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_guard_account();
CREATE TRIGGER ledger_account_empty BEFORE INSERT ON ledger_account
    FOR EACH ROW WHEN (NEW.debits_fen <> 0 OR NEW.credits_fen <> 0)
    EXECUTE FUNCTION ledger_guard_account();
"""

UNACCOUNTS = """
DROP TRIGGER ledger_account_change ON ledger_account;
DROP TRIGGER ledger_account_empty ON ledger_account;
DROP FUNCTION ledger_guard_account();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial"), ("states", "0002_guards")]

    operations = [
        migrations.RunSQL(STAMP, UNSTAMP),
        migrations.RunSQL(BOOK, UNBOOK),
        migrations.RunSQL(ACCOUNTS, UNACCOUNTS),
        # Room on each page, so that a new sum needs no new index entries.
        migrations.RunSQL(
            "ALTER TABLE ledger_account SET (fillfactor = 70);",
            "ALTER TABLE ledger_account RESET (fillfactor);",
        ),
        guard_append_only("ledger_journal"),
        guard_append_only("ledger_transfer"),
        guard_append_only("ledger_dailydigest"),
        guard_append_only("ledger_closing"),
        # Each app adds its audit views in its own guards migration, which depends on this one.
        migrations.RunSQL("CREATE SCHEMA IF NOT EXISTS audit;", migrations.RunSQL.noop),
    ]
