"""What everybody earns: commissions, suppliers' earnings and payouts against the order and the books."""

from shop.ledger.proof import Check

CHECKS = [
    # Level 1 and 2 only, within the pool, and clawed back as the refunds ask.
    Check(
        "commission_rule",
        ("M10", "M11"),
        """
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
    ),
    Check(
        "commission_early",
        ("M13",),
        """
        SELECT c.order_number || '/' || c.line || ' level ' || c.level,
            format('settled at %%s, its window ends at %%s', c.settled_at, l.window_ends_at)
        FROM commissions_commission c
        JOIN lifecycle_order o ON o.number = c.order_number
        JOIN lifecycle_orderline l ON l.order_id = o.id AND l.line = c.line
        WHERE c.settled_at IS NOT NULL AND (l.window_ends_at IS NULL OR c.settled_at < l.window_ends_at)
    """,
    ),
    Check(
        "commission_books",
        ("M11", "M14"),
        """
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
    ),
    Check(
        "earning_rule",
        ("M9",),
        """
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
    ),
    Check(
        "earning_books",
        ("M9", "M14"),
        """
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
    ),
    Check(
        "statement_chain",
        ("M14",),
        """
        SELECT s.number, format('opens with %%s fen, the one before closed with %%s',
            s.opening_fen, s.before_fen)
        FROM (
            SELECT number, opening_fen, from_date,
                lag(closing_fen, 1, 0) OVER w AS before_fen, lag(until_date) OVER w AS before_date
            FROM settlements_statement WINDOW w AS (PARTITION BY supplier_id ORDER BY id)
        ) s
        WHERE s.opening_fen <> s.before_fen OR s.from_date <> s.before_date
    """,
    ),
    Check(
        "statement_books",
        ("M14",),
        """
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
    ),
    Check(
        "payout_booked",
        ("M14",),
        """
        SELECT y.number, format('%%s, %%s fen, still %%s fen under way', y.state, y.amount_fen, t.fen)
        FROM settlements_supplierpayout y
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(CASE WHEN x.journal_kind = 'supplier_payout_started'
                THEN x.amount_fen ELSE -x.amount_fen END), 0) AS fen
            FROM audit.transfers x WHERE x.reference = y.number
        ) t
        WHERE t.fen <> CASE WHEN y.state = 'started' THEN y.amount_fen ELSE 0 END
    """,
    ),
    Check(
        "claw_backs",
        ("M11",),
        """
        SELECT c.order_number || '/' || c.line || ' level ' || c.level,
            format('counts %%s fen taken back, its claw-backs are %%s fen', c.clawed_back_fen, coalesce(b.fen, 0))
        FROM commissions_commission c
        LEFT JOIN (
            SELECT commission_id, sum(amount_fen) AS fen FROM commissions_clawback GROUP BY commission_id
        ) b ON b.commission_id = c.id
        WHERE c.clawed_back_fen <> coalesce(b.fen, 0)
    """,
    ),
    # What an order line promised when it was placed is what was accrued, to the same stores.
    Check(
        "commission_snapshot",
        ("M10", "R2"),
        """
        SELECT c.order_number || '/' || c.line || ' level ' || c.level, 'is not what its order line promised'
        FROM commissions_commission c
        LEFT JOIN lifecycle_order o ON o.number = c.order_number
        LEFT JOIN lifecycle_orderline l ON l.order_id = o.id AND l.line = c.line
        WHERE (c.store_id, c.rate_bp, c.amount_fen, c.base_fen) IS DISTINCT FROM (
            CASE c.level WHEN 1 THEN l.store_id ELSE l.referrer_store_id END,
            CASE c.level WHEN 1 THEN l.level1_bp ELSE l.level2_bp END,
            CASE c.level WHEN 1 THEN l.level1_fen ELSE l.level2_fen END,
            l.paid_fen)
        UNION ALL
        SELECT o.number || '/' || l.line || ' level ' || v.level, 'was promised and never accrued'
        FROM lifecycle_order o
        JOIN lifecycle_orderline l ON l.order_id = o.id
        CROSS JOIN LATERAL (VALUES (1, l.level1_fen), (2, l.level2_fen)) AS v(level, fen)
        WHERE o.paid_fen > 0 AND v.fen > 0 AND NOT EXISTS (
            SELECT FROM commissions_commission c
            WHERE c.order_number = o.number AND c.line = l.line AND c.level = v.level
        ) AND NOT EXISTS (
            SELECT FROM payments_payment p
            JOIN stores_store s ON s.id = CASE v.level WHEN 1 THEN l.store_id ELSE l.referrer_store_id END
            JOIN stores_distributor d ON d.id = s.distributor_id
            WHERE p.order_id = o.id AND p.is_applied AND d.user_id = ANY (accounts_known_as(p.payer_openid)))
    """,
    ),
    # Nobody earns from what she buys or pays herself, under this account or another that is hers. Whom a payer turned
    # out to be later says nothing about then.
    Check(
        "commission_beneficiary",
        ("M12",),
        """
        SELECT o.number || '/' || l.line, format('store %%s earns from its own owner', s.code)
        FROM lifecycle_orderline l
        JOIN lifecycle_order o ON o.id = l.order_id
        CROSS JOIN LATERAL (VALUES (l.store_id, l.level1_fen), (l.referrer_store_id, l.level2_fen))
            AS v(store_id, fen)
        JOIN stores_store s ON s.id = v.store_id AND v.fen > 0
        JOIN stores_distributor d ON d.id = s.distributor_id
        WHERE d.user_id = o.user_id OR EXISTS (
            SELECT FROM accounts_wechatidentity mine
            JOIN accounts_wechatidentity hers ON hers.unionid = mine.unionid
            WHERE mine.unionid <> '' AND mine.user_id = o.user_id AND hers.user_id = d.user_id)
        UNION ALL
        SELECT c.order_number || '/' || c.line, format('store %%s earns from what its owner paid', s.code)
        FROM commissions_commission c
        JOIN lifecycle_order o ON o.number = c.order_number
        JOIN payments_payment p ON p.order_id = o.id AND p.is_applied AND p.payer_openid <> ''
        JOIN stores_store s ON s.id = c.store_id
        JOIN stores_distributor d ON d.id = s.distributor_id
        WHERE d.user_id = ANY (accounts_known_as(p.payer_openid)) AND EXISTS (
            SELECT FROM accounts_wechatidentity w WHERE w.user_id = d.user_id AND w.created_at <= p.succeeded_at)
    """,
    ),
    Check(
        "earning_early",
        ("M13",),
        """
        SELECT o.number || coalesce('/' || l.line, ' freight'), format('settled at %%s', e.settled_at)
        FROM settlements_earning e
        JOIN lifecycle_order o ON o.id = e.order_id
        JOIN lifecycle_supplierorder p ON p.id = e.supplier_order_id
        LEFT JOIN lifecycle_orderline l ON l.id = e.order_line_id
        WHERE e.settled_at IS NOT NULL AND CASE WHEN l.id IS NULL
            THEN p.state NOT IN ('completed', 'closed')
            ELSE l.window_ends_at IS NULL OR e.settled_at < l.window_ends_at END
    """,
    ),
    # Whatever a store ever earned is with it, on its way to it, or with its owner.
    Check(
        "store_sum",
        ("M14",),
        """
        SELECT 'store/' || s.code, format('earned %%s fen and was forgiven %%s, holds %%s and was paid %%s',
            coalesce(c.net, 0), l.fen, b.held, coalesce(w.paid, 0))
        FROM stores_store s
        LEFT JOIN (
            SELECT store_id, sum(amount_fen - clawed_back_fen) AS net
            FROM commissions_commission GROUP BY store_id
        ) c ON c.store_id = s.id
        LEFT JOIN (
            SELECT store_id, sum(amount_fen) AS paid
            FROM payouts_withdrawal WHERE state = 'paid' GROUP BY store_id
        ) w ON w.store_id = s.id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(CASE WHEN a.kind = 'asset' THEN -a.balance_fen ELSE a.balance_fen END), 0) AS held
            FROM ledger_balance a
            WHERE a.path IN ('store/' || s.code || '/frozen', 'store/' || s.code || '/available',
                             'store/' || s.code || '/paying', 'store/' || s.code || '/debt')
        ) b
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(ln.credit_fen - ln.debit_fen), 0) AS fen
            FROM ledger_line ln
            JOIN ledger_account a ON a.id = ln.account_id
            JOIN ledger_account other ON other.id = ln.counter_id
            WHERE a.path = 'store/' || s.code || '/debt' AND other.path = 'platform/loss'
        ) l
        WHERE coalesce(c.net, 0) + l.fen <> b.held + coalesce(w.paid, 0)
    """,
    ),
    Check(
        "withdrawal_booked",
        ("M14", "M15"),
        """
        SELECT w.number, format('%%s, %%s fen: set aside %%s, paid %%s, given back %%s',
            w.state, w.amount_fen, t.started, t.paid, t.failed)
        FROM payouts_withdrawal w
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(x.amount_fen) FILTER (WHERE x.journal_kind = 'withdrawal_started'), 0) AS started,
                coalesce(sum(x.amount_fen) FILTER (WHERE x.journal_kind = 'withdrawal_paid'), 0) AS paid,
                coalesce(sum(x.amount_fen) FILTER (WHERE x.journal_kind = 'withdrawal_failed'), 0) AS failed
            FROM audit.transfers x WHERE x.reference = w.number
        ) t
        WHERE t.started <> w.amount_fen
           OR t.paid <> CASE WHEN w.state = 'paid' THEN w.amount_fen ELSE 0 END
           OR t.failed <> CASE WHEN w.state IN ('failed', 'rejected', 'cancelled') THEN w.amount_fen ELSE 0 END
        UNION ALL
        SELECT x.reference, format('%%s of %%s fen belongs to no withdrawal', x.journal_kind, x.amount_fen)
        FROM audit.transfers x
        WHERE x.journal_kind IN ('withdrawal_started', 'withdrawal_paid', 'withdrawal_failed')
          AND NOT EXISTS (SELECT FROM payouts_withdrawal w WHERE w.number = x.reference)
    """,
    ),
    Check(
        "bill_twice",
        ("M15",),
        """
        SELECT w.gateway || ' ' || w.bill_id, format('belongs to %%s withdrawals', count(*))
        FROM payouts_withdrawal w WHERE w.bill_id <> ''
        GROUP BY w.gateway, w.bill_id HAVING count(*) > 1
    """,
    ),
]
