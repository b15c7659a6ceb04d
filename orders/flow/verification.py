"""The proof of the trade: every book against every other. Used by ``verify_all``.

Nothing is locked and nothing is written. Run it on a quiet system or read its findings twice: a trade
that is being booked at this very moment shows in some books before others only within one transaction,
so each check, being one statement, sees whole trades.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from django.db import connection

from shop.ledger.queries import Finding, verify

OFFENDERS_MAX = 100
LATE = timedelta(minutes=10)
"""How long after its time a piece of due work may lie there."""

# Each gives rows (subject, detail); no row means the check holds.
_CHECKS: Mapping[str, str] = {
    # What the clearing of an order may hold: money on its way back, and nothing else.
    "clearing": """
        SELECT o.number, format('clearing holds %%s fen, %%s fen are on their way back',
            coalesce(b.balance_fen, 0), coalesce(r.fen, 0))
        FROM lifecycle_order o
        LEFT JOIN ledger_balance b ON b.path = 'order/' || o.number || '/clearing'
        LEFT JOIN (
            SELECT order_id, sum(amount_fen) AS fen FROM payments_refund
            WHERE state IN ('requested', 'sent', 'failed') GROUP BY order_id
        ) r ON r.order_id = o.id
        WHERE coalesce(b.balance_fen, 0) <> coalesce(r.fen, 0)
    """,
    "order_adds_up": """
        SELECT o.number, 'its parts or lines do not add up to it'
        FROM lifecycle_order o
        JOIN (
            SELECT order_id, sum(payable_fen) AS payable, sum(freight_fen) AS freight,
                sum(refunded_fen) AS refunded
            FROM lifecycle_supplierorder GROUP BY order_id
        ) p ON p.order_id = o.id
        JOIN (
            SELECT order_id, sum(paid_fen) AS paid, sum(discount_fen) AS discount
            FROM lifecycle_orderline GROUP BY order_id
        ) l ON l.order_id = o.id
        WHERE (o.payable_fen, o.freight_fen, o.refunded_fen, o.payable_fen - o.freight_fen, o.discount_fen)
            IS DISTINCT FROM (p.payable, p.freight, p.refunded, l.paid, l.discount)
    """,
    "order_paid": """
        SELECT o.number, format('%%s, paid %%s of %%s fen, payments %%s fen, ledger %%s fen',
            o.state, o.paid_fen, o.payable_fen, coalesce(p.fen, 0), coalesce(t.fen, 0))
        FROM lifecycle_order o
        LEFT JOIN (
            SELECT order_id, sum(amount_fen) AS fen, min('payment_received:' || number) AS key
            FROM payments_payment WHERE is_applied GROUP BY order_id
        ) p ON p.order_id = o.id
        LEFT JOIN LATERAL (
            SELECT sum(x.amount_fen) AS fen FROM audit.transfers x WHERE x.journal_key = p.key
        ) t ON true
        WHERE o.paid_fen <> coalesce(p.fen, 0) OR o.paid_fen <> coalesce(t.fen, 0)
           OR o.paid_fen <> CASE WHEN o.state IN ('placed', 'cancelled') THEN 0 ELSE o.payable_fen END
    """,
    "payment_booked": """
        SELECT p.number, format('%%s, %%s fen, ledger %%s fen', p.state, p.amount_fen, coalesce(t.fen, 0))
        FROM payments_payment p
        LEFT JOIN LATERAL (
            SELECT sum(x.amount_fen) AS fen FROM audit.transfers x
            WHERE x.journal_key = 'payment_received:' || p.number
        ) t ON true
        WHERE coalesce(t.fen, 0) <> CASE WHEN p.state = 'succeeded' THEN p.amount_fen ELSE 0 END
    """,
    # What was taken in without being used must be on its way back in full.
    "payment_unused": """
        SELECT p.number, format('%%s of %%s fen go back', p.refunded_fen, p.amount_fen)
        FROM payments_payment p
        WHERE p.state = 'succeeded' AND NOT p.is_applied AND p.refunded_fen <> p.amount_fen
    """,
    "refund_counted": """
        SELECT p.number, format('counts %%s fen in %%s refunds, there are %%s fen in %%s',
            p.refunded_fen, p.refund_count, coalesce(r.fen, 0), coalesce(r.pieces, 0))
        FROM payments_payment p
        JOIN lifecycle_order o ON o.id = p.order_id
        LEFT JOIN (
            SELECT payment_id, sum(amount_fen) AS fen, count(*) AS pieces
            FROM payments_refund GROUP BY payment_id
        ) r ON r.payment_id = p.id
        WHERE p.refunded_fen <> coalesce(r.fen, 0) OR p.refund_count <> coalesce(r.pieces, 0)
           OR (p.is_applied AND o.refunded_fen <> p.refunded_fen)
    """,
    "refund_booked": """
        SELECT r.number, format('%%s, %%s fen, ledger %%s fen', r.state, r.amount_fen, coalesce(t.fen, 0))
        FROM payments_refund r
        LEFT JOIN LATERAL (
            SELECT sum(x.amount_fen) AS fen FROM audit.transfers x
            WHERE x.journal_key = 'refund_paid:' || r.number
        ) t ON true
        WHERE coalesce(t.fen, 0) <> CASE WHEN r.state = 'succeeded' THEN r.amount_fen ELSE 0 END
    """,
    "refund_lines": """
        SELECT r.number, format('%%s fen, its lines and freight %%s fen',
            r.amount_fen, r.freight_fen + coalesce(l.fen, 0))
        FROM payments_refund r
        JOIN payments_payment p ON p.id = r.payment_id AND p.is_applied
        LEFT JOIN (
            SELECT refund_id, sum(amount_fen) AS fen FROM payments_refundline GROUP BY refund_id
        ) l ON l.refund_id = r.id
        WHERE r.amount_fen <> r.freight_fen + coalesce(l.fen, 0)
    """,
    "line_refunded": """
        SELECT o.number || '/' || l.line, format('counts %%s fen and %%s pieces, refunds say %%s and %%s',
            l.refunded_fen, l.refunded_quantity, coalesce(r.fen, 0), coalesce(r.pieces, 0))
        FROM lifecycle_orderline l
        JOIN lifecycle_order o ON o.id = l.order_id
        LEFT JOIN (
            SELECT order_line_id, sum(amount_fen) AS fen, sum(quantity) AS pieces
            FROM payments_refundline GROUP BY order_line_id
        ) r ON r.order_line_id = l.id
        WHERE (l.refunded_fen, l.refunded_quantity)
            IS DISTINCT FROM (coalesce(r.fen, 0), coalesce(r.pieces, 0))
    """,
    # Level 1 and 2 only, within the pool, and clawed back as the refunds ask.
    "commission_rule": """
        SELECT c.order_number || '/' || c.line || ' level ' || c.level,
            format('%%s of %%s fen taken back, refunds leave %%s fen',
                c.clawed_back_fen, c.amount_fen, x.entitled)
        FROM commissions_commission c
        JOIN lifecycle_order o ON o.number = c.order_number
        JOIN lifecycle_orderline l ON l.order_id = o.id AND l.line = c.line
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN c.amount_fen < c.base_fen * c.rate_bp / 10000
                    THEN c.amount_fen * (c.base_fen - l.refunded_fen) / c.base_fen
                ELSE least(c.amount_fen, (c.base_fen - l.refunded_fen) * c.rate_bp / 10000)
            END AS entitled
        ) x
        WHERE c.amount_fen - c.clawed_back_fen <> x.entitled
           OR c.base_fen <> l.paid_fen OR c.level NOT IN (1, 2)
           OR (SELECT sum(s.amount_fen) FROM commissions_commission s
               WHERE s.order_number = c.order_number AND s.line = c.line) > l.pool_fen
    """,
    "commission_early": """
        SELECT c.order_number || '/' || c.line || ' level ' || c.level,
            format('settled at %%s, its window ends at %%s', c.settled_at, l.window_ends_at)
        FROM commissions_commission c
        JOIN lifecycle_order o ON o.number = c.order_number
        JOIN lifecycle_orderline l ON l.order_id = o.id AND l.line = c.line
        WHERE c.settled_at IS NOT NULL AND (l.window_ends_at IS NULL OR c.settled_at < l.window_ends_at)
    """,
    "commission_books": """
        SELECT 'store/' || s.code, format('commissions say frozen %%s and net %%s, the books %%s and %%s fen',
            coalesce(c.frozen, 0), coalesce(c.net, 0), b.frozen, b.net)
        FROM stores_store s
        LEFT JOIN (
            SELECT store_id, sum(amount_fen - clawed_back_fen) AS net,
                sum(amount_fen - clawed_back_fen) FILTER (WHERE state IN ('frozen', 'held')) AS frozen
            FROM commissions_commission GROUP BY store_id
        ) c ON c.store_id = s.id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(credit) FILTER (WHERE path LIKE '%%/frozen'), 0) AS frozen,
                coalesce(sum(credit), 0) AS net
            FROM (
                SELECT a.path, ln.credit_fen - ln.debit_fen AS credit
                FROM ledger_line ln
                JOIN ledger_account a ON a.id = ln.account_id
                JOIN ledger_journal j ON j.id = ln.journal_id
                LEFT JOIN ledger_journal o ON o.id = j.reverses_id
                WHERE a.path IN ('store/' || s.code || '/frozen', 'store/' || s.code || '/available',
                                 'store/' || s.code || '/debt')
                  AND coalesce(o.kind, j.kind) IN
                      ('commission_accrued', 'commission_clawed_back', 'commission_settled')
            ) moves
        ) b
        WHERE (coalesce(c.frozen, 0), coalesce(c.net, 0)) IS DISTINCT FROM (b.frozen, b.net)
    """,
    "earning_rule": """
        SELECT o.number || coalesce('/' || l.line, ' freight'),
            format('%%s of %%s fen taken back, refunds leave %%s fen', e.deducted_fen, e.amount_fen, x.kept)
        FROM settlements_earning e
        JOIN lifecycle_order o ON o.id = e.order_id
        JOIN lifecycle_supplierorder p ON p.id = e.supplier_order_id
        LEFT JOIN lifecycle_orderline l ON l.id = e.order_line_id
        CROSS JOIN LATERAL (
            SELECT CASE WHEN l.id IS NULL THEN e.amount_fen - p.freight_refunded_fen
                ELSE e.amount_fen * (l.paid_fen - l.refunded_fen) / l.paid_fen END AS kept
        ) x
        WHERE e.amount_fen - e.deducted_fen <> x.kept
           OR e.amount_fen <> coalesce(l.supplier_fen, p.freight_fen)
           OR e.deducted_fen <> coalesce((SELECT sum(d.amount_fen) FROM settlements_deduction d
                                          WHERE d.earning_id = e.id), 0)
    """,
    "earning_books": """
        SELECT 'supplier/' || s.code, format('earnings say frozen %%s and net %%s, the books %%s and %%s fen',
            coalesce(e.frozen, 0), coalesce(e.net, 0), b.frozen, b.net)
        FROM suppliers_supplier s
        LEFT JOIN (
            SELECT supplier_id, sum(amount_fen - deducted_fen) AS net,
                sum(amount_fen - deducted_fen) FILTER (WHERE state = 'frozen') AS frozen
            FROM settlements_earning GROUP BY supplier_id
        ) e ON e.supplier_id = s.id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(credit) FILTER (WHERE path LIKE '%%/frozen'), 0) AS frozen,
                coalesce(sum(credit), 0) AS net
            FROM (
                SELECT a.path, ln.credit_fen - ln.debit_fen AS credit
                FROM ledger_line ln
                JOIN ledger_account a ON a.id = ln.account_id
                JOIN ledger_journal j ON j.id = ln.journal_id
                LEFT JOIN ledger_journal o ON o.id = j.reverses_id
                WHERE a.path IN ('supplier/' || s.code || '/frozen', 'supplier/' || s.code || '/available',
                                 'supplier/' || s.code || '/debt')
                  AND coalesce(o.kind, j.kind) IN
                      ('supplier_accrued', 'supplier_deducted', 'supplier_settled')
            ) moves
        ) b
        WHERE (coalesce(e.frozen, 0), coalesce(e.net, 0)) IS DISTINCT FROM (b.frozen, b.net)
    """,
    "statement_chain": """
        SELECT s.number, format('opens with %%s fen, the one before closed with %%s',
            s.opening_fen, s.before_fen)
        FROM (
            SELECT number, opening_fen, from_date,
                lag(closing_fen, 1, 0) OVER w AS before_fen, lag(until_date) OVER w AS before_date
            FROM settlements_statement WINDOW w AS (PARTITION BY supplier_id ORDER BY id)
        ) s
        WHERE s.opening_fen <> s.before_fen OR s.from_date <> s.before_date
    """,
    "statement_books": """
        SELECT s.number, format('closed with %%s fen, the books say %%s', s.closing_fen, b.fen)
        FROM settlements_statement s
        JOIN suppliers_supplier p ON p.id = s.supplier_id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(ln.credit_fen - ln.debit_fen), 0) AS fen
            FROM ledger_line ln JOIN ledger_account a ON a.id = ln.account_id
            WHERE (a.path = 'supplier/' || p.code || '/available' AND ln.id <= s.available_upto)
               OR (a.path = 'supplier/' || p.code || '/debt' AND ln.id <= s.debt_upto)
        ) b
        WHERE s.closing_fen <> b.fen
    """,
    "payout_booked": """
        SELECT y.number, format('%%s, %%s fen, still %%s fen under way', y.state, y.amount_fen, t.fen)
        FROM settlements_supplierpayout y
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(CASE WHEN x.journal_kind = 'supplier_payout_started'
                THEN x.amount_fen ELSE -x.amount_fen END), 0) AS fen
            FROM audit.transfers x WHERE x.reference = y.number
        ) t
        WHERE t.fen <> CASE WHEN y.state = 'started' THEN y.amount_fen ELSE 0 END
    """,
    "gateway_account": """
        SELECT g.path, format('the books say %%s fen, payments less refunds and payouts %%s fen',
            g.fen, g.moved)
        FROM (
            SELECT a.path, b.balance_fen AS fen,
                coalesce((SELECT sum(p.amount_fen) FROM payments_payment p
                    WHERE 'gateway/' || p.gateway = a.path AND p.state = 'succeeded'), 0)
                - coalesce((SELECT sum(r.amount_fen) FROM payments_refund r
                    JOIN payments_payment p ON p.id = r.payment_id
                    WHERE 'gateway/' || p.gateway = a.path AND r.state = 'succeeded'), 0)
                - coalesce((SELECT sum(w.amount_fen - w.tax_fen) FROM payouts_withdrawal w
                    WHERE 'gateway/' || w.gateway = a.path AND w.state = 'paid'), 0)
                - coalesce((SELECT sum(x.amount_fen) FROM audit.transfers x
                    WHERE x.credit = a.path AND x.journal_kind IN
                        ('supplier_payout_paid', 'channel_cost', 'loss_written_off')), 0) AS moved
            FROM ledger_account a JOIN ledger_balance b ON b.account_id = a.id
            WHERE a.path LIKE 'gateway/%%'
        ) g
        WHERE g.fen <> g.moved
    """,
    "stock_sums": """
        SELECT k.number, format('reserved %%s, open reservations %%s; received %%s, other pieces %%s',
            i.reserved, coalesce(r.pieces, 0), i.received, i.on_hand + i.reserved + i.sold - i.returned)
        FROM stock_stockitem i
        JOIN catalogue_sku k ON k.id = i.sku_id
        LEFT JOIN (
            SELECT sku_id, sum(quantity) AS pieces FROM stock_reservation
            WHERE state = 'open' GROUP BY sku_id
        ) r ON r.sku_id = i.sku_id
        WHERE i.reserved <> coalesce(r.pieces, 0)
           OR i.received <> i.on_hand + i.reserved + i.sold - i.returned
    """,
    "reservation": """
        SELECT o.number, format('%%s, but its pieces are %%s', o.state, coalesce(r.states, 'nowhere'))
        FROM lifecycle_order o
        LEFT JOIN (
            SELECT reference, string_agg(DISTINCT state, ', ') AS states FROM stock_reservation
            WHERE state <> 'released' GROUP BY reference
        ) r ON r.reference = o.number
        WHERE r.states IS DISTINCT FROM CASE o.state
            WHEN 'placed' THEN 'open' WHEN 'cancelled' THEN NULL ELSE 'consumed' END
    """,
    "order_expiry": """
        SELECT o.number, format('waits for payment since %%s, nothing will end it', o.placed_at)
        FROM lifecycle_order o
        WHERE o.state = 'placed' AND NOT EXISTS (
            SELECT FROM work_due d
            WHERE d.what = 'order.expire' AND d.subject = o.number AND d.state <> 'done')
    """,
    "refund_planned": """
        SELECT r.number, format('%%s, nothing will move it', r.state)
        FROM payments_refund r
        WHERE r.state IN ('requested', 'sent') AND NOT EXISTS (
            SELECT FROM work_due d
            WHERE d.what IN ('refund.send', 'refund.query') AND d.subject = r.number AND d.state <> 'done')
    """,
    "work_late": """
        SELECT d.what || ' ' || d.subject, format('due since %%s', d.due_at)
        FROM work_due d WHERE d.state = 'open' AND d.due_at < %(late_at)s
    """,
    "work_parked": """
        SELECT d.what || ' ' || d.subject, d.last_error FROM work_due d WHERE d.state = 'parked'
    """,
    "notice_twice": """
        SELECT n.number, format('%%s notices of it were applied', count(*))
        FROM payments_gatewaynotice n
        WHERE n.outcome IN ('applied', 'succeeded') AND n.kind <> 'transfer'
        GROUP BY n.gateway, n.kind, n.number HAVING count(*) > 1
    """,
}


def verify_all(*, now: datetime) -> list[Finding]:
    """Return everything that is off, in the books and between them; an empty list means all holds."""
    return [*verify(), *_findings(now)]


def _findings(now: datetime) -> Iterator[Finding]:
    with connection.cursor() as cursor:
        for check, sql in _CHECKS.items():
            cursor.execute(f"{sql} ORDER BY 1 LIMIT {OFFENDERS_MAX}", {"late_at": now - LATE})
            for subject, detail in cursor.fetchall():
                yield Finding(check, subject or "?", detail or "")
