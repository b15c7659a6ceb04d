"""The proof of the books: everything recomputed from the transfers. Used by ``verify_ledger``."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _

from shop.ledger import chart
from shop.ledger.proof import Check, Finding, Proof, find

INVARIANTS: Mapping[str, str] = {
    "M1": "every journal's debits equal its credits",
    "M2": "the whole book's debits equal its credits",
    "M3": "money is whole fen, never a binary fraction",
    "M4": "journals and transfers are written once, by the books' own functions",
    "M5": "every stored balance is the sum of its transfers",
    "M6": "nobody's money is below zero; what is owed back has an account of its own",
    "M9": "every move of money is one that its kind allows",
    "M22": "what a privileged hand changed in a closed day shows",
}

_SUMS = """
    WITH sums AS (
        SELECT account_id, sum(debit_fen) AS debits, sum(credit_fen) AS credits
        FROM ledger_line GROUP BY account_id
    )
"""

# Used for other tables' guards as well.
GUARDS = """
        SELECT g.name, 'trigger is missing or disabled'
        FROM unnest(%(triggers)s::text[]) AS g(name)
        WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgname = g.name AND t.tgenabled IN ('O', 'A'))
        UNION ALL
        SELECT g.name, 'constraint is missing or not validated'
        FROM unnest(%(constraints)s::text[]) AS g(name)
        WHERE NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conname = g.name AND c.convalidated)
          AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_class r ON r.oid = i.indexrelid
                WHERE r.relname = g.name AND i.indisvalid AND i.indisunique)
"""

# What each check proves stands in _PROVES below.
_QUERIES: Mapping[str, str] = {
    # Through the accounts: a side that leads nowhere is no side.
    "journal_sums": """
        SELECT coalesce(j.key, 'journal ' || s.journal_id), format('debits and credits differ by %%s fen', s.off)
        FROM (
            SELECT ln.journal_id, sum(ln.debit_fen - ln.credit_fen) AS off
            FROM ledger_line ln JOIN ledger_account a ON a.id = ln.account_id
            GROUP BY ln.journal_id
        ) s
        LEFT JOIN ledger_journal j ON j.id = s.journal_id
        WHERE s.off <> 0
    """,
    "book_sum": """
        SELECT 'the whole book', format('debits and credits differ by %%s fen', s.off)
        FROM (SELECT sum(debits_fen - credits_fen) AS off FROM ledger_balance) s
        WHERE s.off <> 0
    """,
    # Tables and views that hold an amount or a rate hold no binary fractions; amounts are bigint. Asked so that
    # PostgreSQL begins with our tables, not with every column of its own.
    "float_column": """
        SELECT n.nspname || '.' || c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm')
        JOIN pg_namespace n ON n.oid = c.relnamespace AND (n.nspname = 'audit'
            OR n.oid = (SELECT relnamespace FROM pg_class WHERE oid = 'ledger_journal'::regclass))
        WHERE a.attnum > 0 AND NOT a.attisdropped
          AND ((a.atttypid IN ('real'::regtype, 'double precision'::regtype, 'money'::regtype) AND EXISTS (
                SELECT FROM pg_attribute m
                WHERE m.attrelid = a.attrelid AND NOT m.attisdropped AND m.attname ~ '_(fen|bp)$'))
            OR (right(a.attname, 4) = '_fen' AND a.atttypid NOT IN ('bigint'::regtype, 'numeric'::regtype))
            OR (right(a.attname, 3) = '_bp' AND a.atttypid NOT IN ('integer'::regtype, 'bigint'::regtype)))
    """,
    # In production the app's role owns nothing here; with one role for all, the triggers stand alone.
    "app_rights": """
        SELECT r.rolname || ' on ' || t.name, 'may ' || p.deed
        FROM pg_roles r
        CROSS JOIN unnest(%(books)s::text[]) AS t(name)
        CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS p(deed)
        WHERE r.rolname = %(app_role)s AND (has_table_privilege(r.oid, t.name::regclass, p.deed)
            OR (p.deed IN ('INSERT', 'UPDATE') AND has_any_column_privilege(r.oid, t.name::regclass, p.deed)))
        UNION ALL
        SELECT r.rolname, 'has the rights of the owner of the books'
        FROM pg_roles r
        WHERE r.rolname = %(app_role)s AND (r.rolsuper OR pg_has_role(r.rolname,
            (SELECT relowner FROM pg_class WHERE oid = 'ledger_journal'::regclass), 'USAGE'))
    """,
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
    "guard_missing": GUARDS,
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

_PROVES: Mapping[str, tuple[str, ...]] = {
    "journal_sums": ("M1",),
    "book_sum": ("M2",),
    "float_column": ("M3",),
    "app_rights": ("M4",),
    "guard_missing": ("M4", "M6"),
    "running_sums": ("M5",),
    "closing": ("M5",),
    "below_zero": ("M6",),
    "journal_without_transfer": ("M1",),
    "transfer_without_journal_or_account": ("M1", "M4"),
    "reversal_not_a_mirror": ("M4",),
    "digest_chain": ("M22",),
    "digest": ("M22",),
    "off_the_chart": ("M6",),
    "move_not_allowed": ("M9",),
}
CHECKS = [Check(name, _PROVES[name], f"{_SUMS if ' sums ' in sql else ''}{sql}") for name, sql in _QUERIES.items()]
_OUTSIDE = "digest_outside"

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
_BOOKS = ["ledger_account", "ledger_journal", "ledger_transfer", "ledger_dailydigest", "ledger_closing"]
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
    return list(prove(digests=digests).findings)


def prove(*, digests: Mapping[date, str] | None = None) -> Proof:
    """Return what :func:`verify` finds together with what was looked at."""
    outside = digests or {}
    checks = [(check.name, check.proves) for check in CHECKS]
    with transaction.atomic(), connection.cursor() as cursor:
        # Reading all of a large book takes longer than a page may.
        cursor.execute("SET LOCAL statement_timeout = '1h'")
        findings = [*find(cursor, CHECKS, _facts()), *_compare(cursor, outside)]
    return Proof([*checks, (_OUTSIDE, ("M22",))] if outside else checks, findings)


def _facts() -> dict[str, Any]:
    return {
        "triggers": _TRIGGERS,
        "constraints": _CONSTRAINTS,
        "books": _BOOKS,
        "app_role": settings.LINJIA_APP_ROLE,
        "rule_patterns": [chart.database_pattern(rule.pattern) for rule in chart.ACCOUNT_RULES],
        "rule_kinds": [rule.kind.value for rule in chart.ACCOUNT_RULES],
        "rule_guards": [rule.guarded for rule in chart.ACCOUNT_RULES],
        "kinds": [str(kind) for kind in chart.MOVES],
        "moves": [chart.database_pattern(pattern) for pattern in chart.MOVES.values()],
    }


def _compare(cursor: CursorWrapper, digests: Mapping[date, str]) -> Iterator[Finding]:
    days = list(digests)
    cursor.execute("SELECT date, digest FROM ledger_dailydigest WHERE date = ANY (%s)", [days])
    kept = dict(cursor.fetchall())
    for day, digest in sorted(digests.items()):
        if kept.get(day) != digest:
            yield Finding(
                _OUTSIDE,
                day.isoformat(),
                _("kept outside as %(outside)s, the book says %(inside)s")
                % {"outside": digest, "inside": kept.get(day, "–")},
            )
