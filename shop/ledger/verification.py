"""The proof of the books: everything recomputed from the transfers. Used by ``verify_ledger``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _

from shop.ledger import chart

OFFENDERS_MAX = 100
"""How many offenders one check lists; a broken book needs a look, not a million lines."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is off: which check found it, what is off, and how."""

    check: str
    subject: str
    detail: str


# Each gives rows (subject, detail); no row means the check holds.
_CHECKS: Mapping[str, str] = {
    # Sums kept on accounts against the transfers themselves.
    "running_sums": """
        SELECT a.path, format('kept %%s/%%s, transfers say %%s/%%s fen',
            a.debits_fen, a.credits_fen, coalesce(s.debits, 0), coalesce(s.credits, 0))
        FROM ledger_account a
        LEFT JOIN sums s ON s.account_id = a.id
        WHERE (a.guarded AND (a.debits_fen, a.credits_fen)
                IS DISTINCT FROM (coalesce(s.debits, 0), coalesce(s.credits, 0)))
           OR (NOT a.guarded AND (a.debits_fen, a.credits_fen) <> (0, 0))
    """,
    # What nobody can owe less than nothing of: guarded accounts, and what waits to be settled.
    "below_zero": """
        SELECT a.path, format('%%s fen', b.fen)
        FROM ledger_account a
        JOIN sums s ON s.account_id = a.id
        CROSS JOIN LATERAL (
            SELECT (s.debits - s.credits)
                * CASE WHEN a.kind IN ('asset', 'expense') THEN 1 ELSE -1 END AS fen
        ) b
        WHERE b.fen < 0 AND (a.guarded OR a.path LIKE '%%/frozen')
    """,
    "journal_without_transfer": """
        SELECT j.key, j.kind FROM ledger_journal j
        WHERE NOT EXISTS (SELECT FROM ledger_transfer t WHERE t.journal_id = j.id)
    """,
    # The transfer's three keys have no constraint of their own.
    "transfer_without_journal_or_account": """
        SELECT 'transfer of ' || t.posted_at, format('%%s fen', t.amount_fen)
        FROM ledger_transfer t
        LEFT JOIN ledger_journal j ON j.id = t.journal_id
        LEFT JOIN ledger_account d ON d.id = t.debit_id
        LEFT JOIN ledger_account c ON c.id = t.credit_id
        WHERE j.id IS NULL OR d.id IS NULL OR c.id IS NULL OR j.posted_at <> t.posted_at
           OR t.amount_fen <= 0 OR t.debit_id = t.credit_id
    """,
    # A reversal is the exact mirror of its journal.
    "reversal_not_a_mirror": """
        SELECT j.key, 'reverses ' || r.key
        FROM ledger_journal j JOIN ledger_journal r ON r.id = j.reverses_id
        WHERE r.reverses_id IS NOT NULL
           OR ARRAY(SELECT ROW(t.debit_id, t.credit_id, t.amount_fen) FROM ledger_transfer t
                WHERE t.journal_id = j.id ORDER BY t.id)
            IS DISTINCT FROM
              ARRAY(SELECT ROW(t.credit_id, t.debit_id, t.amount_fen) FROM ledger_transfer t
                WHERE t.journal_id = r.id ORDER BY t.id)
    """,
    # Sums of closed days, which balances of unguarded accounts start from.
    "closing": """
        SELECT a.path || ' ' || s.date, format('kept %%s/%%s, transfers say %%s/%%s fen',
            c.debits_fen, c.credits_fen, s.debits, s.credits)
        FROM (
            SELECT account_id, date,
                sum(sum(debit_fen)) OVER w AS debits, sum(sum(credit_fen)) OVER w AS credits
            FROM (
                SELECT l.*, (SELECT min(d.date) FROM ledger_dailydigest d
                    WHERE d.until_at > l.posted_at) AS date
                FROM ledger_line l JOIN ledger_account u ON u.id = l.account_id AND NOT u.guarded
            ) dated
            WHERE date IS NOT NULL
            GROUP BY account_id, date
            WINDOW w AS (PARTITION BY account_id ORDER BY date)
        ) s
        FULL JOIN ledger_closing c ON c.account_id = s.account_id AND c.date = s.date
        LEFT JOIN ledger_account a ON a.id = coalesce(s.account_id, c.account_id)
        WHERE (c.debits_fen, c.credits_fen) IS DISTINCT FROM (s.debits, s.credits)
    """,
    # The chain: each day names the digest before it, and no day is missing.
    "digest_chain": """
        SELECT d.date::text, 'does not follow the day before it'
        FROM (
            SELECT date, previous, until_at, lag(digest, 1, '') OVER w AS before_digest,
                lag(date) OVER w AS before_date, lag(until_at) OVER w AS before_until
            FROM ledger_dailydigest WINDOW w AS (ORDER BY date)
        ) d
        WHERE d.previous <> d.before_digest OR d.date - 1 <> d.before_date
           OR d.until_at <= d.before_until
    """,
    # What each closed day holds now against what it held when it was closed.
    "digest": """
        SELECT d.date::text, format('closed with %%s transfers and %%s, now %%s and %%s',
            d.transfers_count, d.digest, n.transfers, n.digest)
        FROM (
            SELECT *, lag(until_at, 1, '-infinity') OVER (ORDER BY date) AS from_at
            FROM ledger_dailydigest
        ) d
        CROSS JOIN LATERAL ledger_day_digest(d.date, d.from_at, d.until_at, d.previous) n
        WHERE (n.transfers, n.digest) <> (d.transfers_count, d.digest)
    """,
    # The guards themselves: a privileged hand may have put one aside.
    "guard_missing": """
        SELECT g.name, 'trigger is missing or disabled'
        FROM unnest(%(triggers)s::text[]) AS g(name)
        WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgname = g.name AND t.tgenabled IN ('O', 'A'))
        UNION ALL
        SELECT g.name, 'constraint is missing or not validated'
        FROM unnest(%(constraints)s::text[]) AS g(name)
        WHERE NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conname = g.name AND c.convalidated)
          AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_class r ON r.oid = i.indexrelid
                WHERE r.relname = g.name AND i.indisvalid AND i.indisunique)
    """,
    "off_the_chart": """
        SELECT a.path, a.kind || CASE WHEN a.guarded THEN ', guarded' ELSE '' END
        FROM ledger_account a
        WHERE NOT EXISTS (
            SELECT FROM unnest(%(rule_patterns)s::text[], %(rule_kinds)s::text[], %(rule_guards)s::boolean[])
                AS r(pattern, kind, guarded)
            WHERE r.kind = a.kind AND r.guarded = a.guarded AND a.path ~ r.pattern
        )
    """,
    # Moves that their journal's kind does not allow; each sort of move is matched once.
    "move_not_allowed": """
        SELECT t.key, format('%%s: debit %%s, credit %%s', t.kind, d.path, c.path)
        FROM (
            SELECT j.kind, t.debit_id, t.credit_id, min(j.key) AS key
            FROM ledger_transfer t JOIN ledger_journal j ON j.id = t.journal_id
            GROUP BY j.kind, t.debit_id, t.credit_id
        ) t
        JOIN ledger_account d ON d.id = t.debit_id
        JOIN ledger_account c ON c.id = t.credit_id
        LEFT JOIN unnest(%(kinds)s::text[], %(moves)s::text[]) AS m(kind, pattern) ON m.kind = t.kind
        WHERE (d.path || ' > ' || c.path) ~ m.pattern IS NOT TRUE
    """,
}

_SUMS = """
    WITH sums AS (
        SELECT account_id, sum(debit_fen) AS debits, sum(credit_fen) AS credits
        FROM ledger_line GROUP BY account_id
    )
"""

_TRIGGERS = [
    "ledger_journal_stamp",
    "ledger_transfer_book",
    "ledger_account_change",
    "ledger_account_empty",
    *(
        f"ledger_{table}_{scope}"
        for table in ("journal", "transfer", "dailydigest", "closing")
        for scope in ("rows", "whole")
    ),
]
_CONSTRAINTS = [
    "ledger_account_path",
    "ledger_account_on_chart",
    "ledger_account_not_negative",
    "ledger_account_sums",
    "ledger_journal_key",
    "ledger_journal_reversed_once",
    "ledger_journal_reversal_names_its_journal",
    "ledger_transfer_amount",
    "ledger_transfer_two_accounts",
]


def verify(*, digests: Mapping[date, str] | None = None) -> list[Finding]:
    """Return everything that is off in the books; an empty list means they hold.

    ``digests`` are daily digests that were kept outside this database: they also catch a hand that
    rewrote the whole chain. Reads every transfer; no check locks anything.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # Reading all of a large book takes longer than a page may.
        cursor.execute("SET LOCAL statement_timeout = '1h'")
        return list(_findings(cursor, digests or {}))


def _findings(cursor: CursorWrapper, digests: Mapping[date, str]) -> Iterator[Finding]:
    facts: dict[str, Any] = {
        "triggers": _TRIGGERS,
        "constraints": _CONSTRAINTS,
        "rule_patterns": [chart.database_pattern(rule.pattern) for rule in chart.ACCOUNT_RULES],
        "rule_kinds": [rule.kind.value for rule in chart.ACCOUNT_RULES],
        "rule_guards": [rule.guarded for rule in chart.ACCOUNT_RULES],
        "kinds": [str(kind) for kind in chart.MOVES],
        "moves": [chart.database_pattern(pattern) for pattern in chart.MOVES.values()],
    }
    for check, sql in _CHECKS.items():
        head = _SUMS if " sums " in sql else ""
        cursor.execute(f"{head}{sql} ORDER BY 1, 2 LIMIT {OFFENDERS_MAX}", facts)
        for subject, detail in cursor.fetchall():
            yield Finding(check, subject or "?", detail or "")
    cursor.execute("SELECT date, digest FROM ledger_dailydigest WHERE date = ANY (%s)", [list(digests)])
    kept = dict(cursor.fetchall())
    for day, digest in sorted(digests.items()):
        if kept.get(day) != digest:
            yield Finding(
                "digest_outside",
                day.isoformat(),
                _("kept outside as %(outside)s, the book says %(inside)s")
                % {"outside": digest, "inside": kept.get(day, "–")},
            )
