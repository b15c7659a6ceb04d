"""Two books side by side: the gateway's, as lines of a file, against ours, in a few statements of SQL.

Neither book is ever held in memory: theirs goes from the file into a table of this transaction, and what
differs goes straight into ``BookDifference``.
"""

import csv
from collections.abc import Iterable
from typing import IO, Any

from django.db import connection, transaction

from orders.payments.models import Reconciliation
from shop.gateways.contract import BookEntry

_TABLE = """
DROP TABLE IF EXISTS pg_temp.gateway_book;
CREATE TEMPORARY TABLE gateway_book (
    kind text, number text, state text, amount_fen bigint, gateway_id text, at timestamptz, reference text
) ON COMMIT DROP;
"""

# Which of our rows are looked at: those their book names, and those done here in that time. One row a number:
# money that the gateway took twice under one number is two payments here.
_OURS = """
CREATE TEMPORARY TABLE our_book ON COMMIT DROP AS
SELECT 'payment' AS kind, coalesce(nullif(p.gateway_number, ''), p.number) AS number,
    count(*) FILTER (WHERE p.state = 'succeeded') AS times,
    sum(p.amount_fen) FILTER (WHERE p.state = 'succeeded') AS fen, min(p.amount_fen) AS asked_fen,
    array_agg(p.transaction_id ORDER BY p.transaction_id) FILTER (WHERE p.state = 'succeeded') AS ids,
    false AS is_ended, false AS is_open, string_agg(DISTINCT p.state, ', ') AS states,
    min(o.number) AS reference
FROM payments_payment p JOIN lifecycle_order o ON o.id = p.order_id
WHERE p.gateway = %(gateway)s AND p.id IN (
    SELECT x.id FROM payments_payment x JOIN gateway_book b ON b.kind = 'payment' AND b.number = x.number
    UNION
    SELECT x.id FROM payments_payment x JOIN gateway_book b ON b.kind = 'payment' AND b.number = x.gateway_number
    WHERE x.gateway_number <> ''
    UNION
    SELECT x.id FROM payments_payment x
    WHERE x.succeeded_at >= %(since)s AND x.succeeded_at < %(until)s AND x.state = 'succeeded'
)
GROUP BY 2
UNION ALL
SELECT 'refund', r.number, (r.state = 'succeeded')::int, CASE WHEN r.state = 'succeeded' THEN r.amount_fen END,
    r.amount_fen, ARRAY[r.gateway_refund_id], r.state = 'voided', r.state IN ('requested', 'sent'), r.state, p.number
FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
WHERE p.gateway = %(gateway)s AND r.id IN (
    SELECT x.id FROM payments_refund x JOIN gateway_book b ON b.kind = 'refund' AND b.number = x.number
    UNION
    SELECT x.id FROM payments_refund x
    WHERE x.succeeded_at >= %(since)s AND x.succeeded_at < %(until)s AND x.state = 'succeeded'
)
UNION ALL
SELECT 'transfer', w.number, (w.state = 'paid')::int, CASE WHEN w.state = 'paid' THEN w.amount_fen - w.tax_fen END,
    w.amount_fen - w.tax_fen, ARRAY[w.bill_id], w.state IN ('failed', 'cancelled', 'rejected'),
    w.state NOT IN ('paid', 'failed', 'cancelled', 'rejected'), w.state, s.code
FROM payouts_withdrawal w JOIN stores_store s ON s.id = w.store_id
WHERE w.gateway = %(gateway)s AND w.id IN (
    SELECT x.id FROM payouts_withdrawal x JOIN gateway_book b ON b.kind = 'transfer' AND b.number = x.number
    UNION
    SELECT x.id FROM payouts_withdrawal x
    WHERE x.finished_at >= %(since)s AND x.finished_at < %(until)s AND x.state = 'paid'
)
"""

_DIFFERENCES = """
INSERT INTO payments_bookdifference (reconciliation_id, kind, number, cause, ours_fen, theirs_fen, detail,
    reference, is_mended, mend_error, explained_by, explanation)
WITH theirs AS (
    SELECT kind, number, max(at) AS at, max(reference) AS reference, string_agg(DISTINCT state, ', ') AS states,
        count(*) FILTER (WHERE state IN ('paid', 'refunded', 'succeeded')) AS times,
        sum(amount_fen) FILTER (WHERE state IN ('paid', 'refunded', 'succeeded')) AS fen,
        array_agg(gateway_id ORDER BY gateway_id)
            FILTER (WHERE state IN ('paid', 'refunded', 'succeeded')) AS ids,
        sum(amount_fen) FILTER (WHERE state <> 'closed') AS moving_fen,
        bool_or(state IN ('abnormal', 'closed', 'failed', 'cancelled')) AS is_failed
    FROM gateway_book GROUP BY kind, number
)
SELECT %(run)s, coalesce(o.kind, t.kind), coalesce(o.number, t.number), x.cause, o.fen, CASE WHEN o.number IS NULL THEN t.moving_fen ELSE t.fen END,
    left(format('%%s / %%s', coalesce(o.states, '–'), coalesce(t.states, '–'))
        || CASE WHEN x.cause = 'other_id' THEN format(': %%s / %%s', o.ids, t.ids) ELSE '' END, 200),
    coalesce(o.reference, t.reference, ''), false, '', coalesce(e.explained_by, ''), coalesce(e.explanation, '')
FROM theirs t FULL JOIN our_book o ON o.kind = t.kind AND o.number = t.number
LEFT JOIN lifecycle_order s ON o.number IS NULL AND t.kind = 'payment' AND s.number = t.reference
    AND s.payable_fen = t.fen AND t.times = 1 AND s.state = 'placed'
CROSS JOIN LATERAL (SELECT CASE
    -- Older lines are here only to be found: an earlier comparison told what differs about them.
    WHEN t.at < %(since)s THEN NULL
    WHEN o.number IS NULL AND s.id IS NOT NULL THEN 'lost_here'
    WHEN o.number IS NULL THEN CASE WHEN t.moving_fen > 0 THEN 'unknown_here' END
    WHEN t.number IS NULL THEN CASE WHEN o.times > 0 THEN 'missing_there' END
    WHEN t.times > 0 AND o.times = 0 AND o.is_ended THEN 'ended_here'
    WHEN t.times > 0 AND t.fen <> o.asked_fen * t.times THEN 'amount'
    WHEN t.times > 0 AND o.times = 0 THEN 'not_recorded'
    WHEN t.times = 0 AND o.times > 0 THEN 'other_state'
    WHEN t.times <> o.times THEN 'twice'
    WHEN t.times > 0 AND o.fen <> t.fen THEN 'amount'
    WHEN t.times > 0 AND o.ids::text[] IS DISTINCT FROM t.ids THEN 'other_id'
    WHEN o.is_open AND t.is_failed THEN 'failed_there'
END AS cause) x
LEFT JOIN LATERAL (
    SELECT d.explained_by, d.explanation FROM payments_bookdifference d
    JOIN payments_reconciliation r ON r.id = d.reconciliation_id AND r.gateway = %(gateway)s
    WHERE d.kind = coalesce(o.kind, t.kind) AND d.number = coalesce(o.number, t.number) AND d.cause = x.cause
        AND d.ours_fen IS NOT DISTINCT FROM o.fen
        AND d.theirs_fen IS NOT DISTINCT FROM CASE WHEN o.number IS NULL THEN t.moving_fen ELSE t.fen END
        AND d.explained_by <> ''
    ORDER BY d.id DESC LIMIT 1
) e ON true
WHERE x.cause IS NOT NULL
ON CONFLICT (reconciliation_id, kind, number) DO UPDATE SET
    cause = EXCLUDED.cause, ours_fen = EXCLUDED.ours_fen, theirs_fen = EXCLUDED.theirs_fen,
    detail = EXCLUDED.detail, is_mended = false
"""


def write_down(entries: Iterable[BookEntry], file: IO[str]) -> int:
    """Write a gateway's lines into a file that :func:`compare` reads; return how many."""
    lines = csv.writer(file)
    count = 0
    for count, one in enumerate(entries, start=1):  # noqa: B007 - the last number is how many there were
        lines.writerow(
            [one.kind, one.number, one.state, one.amount_fen, one.gateway_id, one.at.isoformat(), one.reference]
        )
    return count


def compare(*, run: Reconciliation, file: IO[str]) -> int:
    """Write every difference of the two books as a ``BookDifference`` of ``run``; return what moved here.

    A difference that is known already is written anew, as not mended. One snapshot, few statements, and
    no memory that grows with the books.
    """
    file.flush()
    file.seek(0)
    facts: dict[str, Any] = {"run": run.pk, "gateway": run.gateway, "since": run.since, "until": run.until}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute(_TABLE)
        cursor.copy_expert(
            "COPY gateway_book FROM STDIN WITH (FORMAT csv, FORCE_NOT_NULL (gateway_id, reference))", file
        )
        cursor.execute("ANALYZE gateway_book")
        cursor.execute("DROP TABLE IF EXISTS pg_temp.our_book")
        cursor.execute(_OURS, facts)
        cursor.execute("ANALYZE our_book")
        cursor.execute(_DIFFERENCES, facts)
        cursor.execute("SELECT coalesce(sum(times), 0) FROM our_book")
        (moved,) = cursor.fetchone()
    return int(moved)
