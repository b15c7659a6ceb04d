"""What came in and what went back: orders, payments and refunds against the books."""

from shop.ledger.proof import Check

CHECKS = [
    Check(
        "order_adds_up",
        ("M7",),
        """
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
    ),
    Check(
        "order_paid",
        ("M7",),
        """
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
    ),
    Check(
        "payment_booked",
        ("M7",),
        """
        SELECT p.number, format('%%s, %%s fen, ledger %%s fen', p.state, p.amount_fen, coalesce(t.fen, 0))
        FROM payments_payment p
        LEFT JOIN LATERAL (
            SELECT sum(x.amount_fen) AS fen FROM audit.transfers x
            WHERE x.journal_key = 'payment_received:' || p.number
        ) t ON true
        WHERE coalesce(t.fen, 0) <> CASE WHEN p.state = 'succeeded' THEN p.amount_fen ELSE 0 END
    """,
    ),
    # What the clearing of an order may hold: money on its way back, and nothing else.
    Check(
        "clearing",
        ("M9",),
        """
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
    ),
    # What was taken in without being used must be on its way back in full.
    Check(
        "payment_unused",
        ("S5",),
        """
        SELECT p.number, format('%%s of %%s fen go back', p.refunded_fen, p.amount_fen)
        FROM payments_payment p
        WHERE p.state = 'succeeded' AND NOT p.is_applied AND p.refunded_fen <> p.amount_fen
    """,
    ),
    Check(
        "refund_counted",
        ("M8",),
        """
        SELECT p.number, format('counts %%s fen in %%s refunds, there are %%s fen in %%s',
            p.refunded_fen, p.refund_count, coalesce(r.fen, 0), coalesce(r.pieces, 0))
        FROM payments_payment p
        JOIN lifecycle_order o ON o.id = p.order_id
        LEFT JOIN (
            SELECT payment_id, sum(amount_fen) AS fen, count(*) AS pieces
            FROM payments_refund WHERE state <> 'voided' GROUP BY payment_id
        ) r ON r.payment_id = p.id
        WHERE p.refunded_fen <> coalesce(r.fen, 0) OR p.refund_count <> coalesce(r.pieces, 0)
           OR (p.is_applied AND o.refunded_fen <> p.refunded_fen)
    """,
    ),
    Check(
        "refund_booked",
        ("M8",),
        """
        SELECT r.number, format('%%s, %%s fen, ledger %%s fen', r.state, r.amount_fen, coalesce(t.fen, 0))
        FROM payments_refund r
        LEFT JOIN LATERAL (
            SELECT sum(x.amount_fen) AS fen FROM audit.transfers x
            WHERE x.journal_key = 'refund_paid:' || r.number
        ) t ON true
        WHERE coalesce(t.fen, 0) <> CASE WHEN r.state = 'succeeded' THEN r.amount_fen ELSE 0 END
    """,
    ),
    Check(
        "refund_lines",
        ("M8",),
        """
        SELECT r.number, format('%%s fen, its lines and freight %%s fen',
            r.amount_fen, r.freight_fen + coalesce(l.fen, 0))
        FROM payments_refund r
        JOIN payments_payment p ON p.id = r.payment_id AND p.is_applied
        LEFT JOIN (
            SELECT refund_id, sum(amount_fen) AS fen FROM payments_refundline GROUP BY refund_id
        ) l ON l.refund_id = r.id
        WHERE r.amount_fen <> r.freight_fen + coalesce(l.fen, 0)
    """,
    ),
    Check(
        "line_refunded",
        ("M8",),
        """
        SELECT o.number || '/' || l.line, format('counts %%s fen and %%s pieces, refunds say %%s and %%s',
            l.refunded_fen, l.refunded_quantity, coalesce(r.fen, 0), coalesce(r.pieces, 0))
        FROM lifecycle_orderline l
        JOIN lifecycle_order o ON o.id = l.order_id
        LEFT JOIN (
            SELECT rl.order_line_id, sum(rl.amount_fen) AS fen, sum(rl.quantity) AS pieces
            FROM payments_refundline rl JOIN payments_refund x ON x.id = rl.refund_id AND x.state <> 'voided'
            GROUP BY rl.order_line_id
        ) r ON r.order_line_id = l.id
        WHERE (l.refunded_fen, l.refunded_quantity)
            IS DISTINCT FROM (coalesce(r.fen, 0), coalesce(r.pieces, 0))
    """,
    ),
    Check(
        "gateway_account",
        ("M17",),
        """
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
    ),
    Check(
        "notice_twice",
        ("M16",),
        """
        SELECT n.number, format('%%s notices of it were applied', count(*))
        FROM payments_gatewaynotice n
        WHERE n.outcome IN ('applied', 'succeeded') AND n.kind <> 'transfer'
        GROUP BY n.gateway, n.kind, n.number HAVING count(*) > 1
    """,
    ),
    # The counters' own limits, in case their constraints were put aside.
    Check(
        "refund_too_large",
        ("M8",),
        """
        SELECT p.number, format('%%s fen were asked back of %%s fen', sum(r.amount_fen), p.amount_fen)
        FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
        WHERE r.state <> 'voided'
        GROUP BY p.id HAVING sum(r.amount_fen) > p.amount_fen
        UNION ALL
        SELECT o.number || '/' || l.line, format('%%s of %%s pieces, %%s of %%s fen given back',
            l.refunded_quantity, l.quantity, l.refunded_fen, l.paid_fen)
        FROM lifecycle_orderline l JOIN lifecycle_order o ON o.id = l.order_id
        WHERE l.refunded_quantity > l.quantity OR l.refunded_fen > l.paid_fen
    """,
    ),
    # Stored, but never taken in: both happen in one transaction.
    Check(
        "notice_open",
        ("M16",),
        """
        SELECT n.event_id, format('%%s %%s %%s came and led to nothing', n.kind, n.number, n.state)
        FROM payments_gatewaynotice n WHERE n.outcome = ''
    """,
    ),
    Check(
        "event_twice",
        ("M16",),
        """
        SELECT n.event_id, format('stored %%s times', count(*))
        FROM payments_gatewaynotice n GROUP BY n.gateway, n.event_id HAVING count(*) > 1
    """,
    ),
]
