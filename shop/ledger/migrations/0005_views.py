"""Views: every account's balance, every transfer as its accounts see it, and the auditors' schema."""

from django.db import migrations

# Guarded: the running sums. Unguarded: the latest closing and the transfers since the last closed day,
# so the work is bounded by one day's transfers of one account.
BALANCE = """
CREATE VIEW ledger_balance AS
SELECT a.id AS account_id, a.path, a.kind, a.guarded, s.debits_fen, s.credits_fen,
    (s.debits_fen - s.credits_fen) * CASE WHEN a.kind IN ('asset', 'expense') THEN 1 ELSE -1 END
        AS balance_fen
FROM ledger_account a
CROSS JOIN LATERAL (
    SELECT a.debits_fen, a.credits_fen WHERE a.guarded
    UNION ALL
    SELECT
        coalesce(c.debits_fen, 0) + coalesce((
            SELECT sum(t.amount_fen) FROM ledger_transfer t
            WHERE t.debit_id = a.id AND t.posted_at >= h.until_at), 0)::bigint,
        coalesce(c.credits_fen, 0) + coalesce((
            SELECT sum(t.amount_fen) FROM ledger_transfer t
            WHERE t.credit_id = a.id AND t.posted_at >= h.until_at), 0)::bigint
    FROM (SELECT coalesce(max(until_at), '-infinity') FROM ledger_dailydigest) AS h(until_at)
    LEFT JOIN LATERAL (
        SELECT x.debits_fen, x.credits_fen FROM ledger_closing x
        WHERE x.account_id = a.id ORDER BY x.date DESC LIMIT 1
    ) c ON true
    WHERE NOT a.guarded
) s;
"""

LINE = """
CREATE VIEW ledger_line AS
SELECT id, debit_id AS account_id, credit_id AS counter_id, journal_id,
    amount_fen AS debit_fen, 0::bigint AS credit_fen, posted_at
FROM ledger_transfer
UNION ALL
SELECT id, credit_id, debit_id, journal_id, 0::bigint, amount_fen, posted_at
FROM ledger_transfer;
"""

AUDIT = """
CREATE VIEW audit.transfers AS
SELECT j.key AS journal_key, j.kind AS journal_kind, j.reference, d.path AS debit, c.path AS credit,
    t.amount_fen, t.posted_at
FROM ledger_transfer t
JOIN ledger_journal j ON j.id = t.journal_id
JOIN ledger_account d ON d.id = t.debit_id
JOIN ledger_account c ON c.id = t.credit_id;
CREATE VIEW audit.accounts AS SELECT path, kind, balance_fen FROM ledger_balance;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_closing")]

    operations = [
        migrations.RunSQL(BALANCE, "DROP VIEW ledger_balance;"),
        migrations.RunSQL(LINE, "DROP VIEW ledger_line;"),
        migrations.RunSQL(AUDIT, "DROP VIEW audit.transfers, audit.accounts;"),
    ]
