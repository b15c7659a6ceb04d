"""What must still happen, whom it concerns, and how things may have got where they are."""

from shop.ledger.proof import Check

CHECKS = [
    Check(
        "order_expiry",
        ("W1",),
        """
        SELECT o.number, format('waits for payment since %%s, nothing will end it', o.placed_at)
        FROM lifecycle_order o
        WHERE o.state = 'placed' AND NOT EXISTS (
            SELECT FROM work_due d
            WHERE d.what = 'order.expire' AND d.subject = o.number AND d.state <> 'done')
    """,
    ),
    Check(
        "refund_planned",
        ("W1",),
        """
        SELECT r.number, format('%%s, nothing will move it', r.state)
        FROM payments_refund r
        WHERE r.state IN ('requested', 'sent') AND NOT EXISTS (
            SELECT FROM work_due d
            WHERE d.what IN ('refund.send', 'refund.query') AND d.subject = r.number AND d.state <> 'done')
    """,
    ),
    Check(
        "work_late",
        ("W2",),
        """
        SELECT d.what || ' ' || d.subject, format('due since %%s', d.due_at)
        FROM work_due d WHERE d.state = 'open' AND d.due_at < %(late_at)s
    """,
    ),
    Check(
        "work_parked",
        ("W2",),
        """
        SELECT d.what || ' ' || d.subject, d.last_error FROM work_due d WHERE d.state = 'parked'
    """,
    ),
    # Whatever waits for somebody or something has a reminder that ends the waiting.
    Check(
        "next_step_planned",
        ("W1", "W3"),
        """
        SELECT w.subject, format('%%s, nothing will move it', w.waits)
        FROM (
            SELECT p.number AS subject, ARRAY['payment.query'] AS what, 'payment started' AS waits
            FROM payments_payment p JOIN lifecycle_order o ON o.id = p.order_id
            WHERE p.state = 'started' AND o.state = 'placed'
            UNION ALL
            SELECT number, CASE state
                    WHEN 'approved' THEN ARRAY['withdrawal.pay']
                    WHEN 'waiting_user' THEN ARRAY['withdrawal.query', 'withdrawal.expire']
                    ELSE ARRAY['withdrawal.query', 'withdrawal.pay'] END, 'withdrawal ' || state
            FROM payouts_withdrawal WHERE state IN ('approved', 'sending', 'unknown', 'waiting_user')
            UNION ALL
            SELECT number, ARRAY[CASE state WHEN 'shipped' THEN 'supplier_order.receive'
                ELSE 'supplier_order.complete' END], 'supplier order ' || state
            FROM lifecycle_supplierorder WHERE state IN ('shipped', 'received')
            UNION ALL
            SELECT number, ARRAY['aftersale.deadline'], 'after-sale ' || state
            FROM aftersales_aftersale WHERE deadline_at IS NOT NULL AND closed_at IS NULL
        ) w
        WHERE NOT EXISTS (
            SELECT FROM work_due d WHERE d.what = ANY (w.what) AND d.subject = w.subject AND d.state <> 'done')
    """,
    ),
    # A line whose window has closed has said when its money is due.
    Check(
        "money_planned",
        ("W1", "W3"),
        """
        SELECT c.order_number || '/' || c.line || ' level ' || c.level, 'its window has closed, it never comes due'
        FROM commissions_commission c
        JOIN lifecycle_order o ON o.number = c.order_number
        JOIN lifecycle_orderline l ON l.order_id = o.id AND l.line = c.line
        WHERE l.completed_at IS NOT NULL AND c.state = 'frozen' AND c.due_at IS NULL
        UNION ALL
        SELECT o.number || '/' || l.line, 'its window has closed, its supplier''s money never comes due'
        FROM settlements_earning e
        JOIN lifecycle_order o ON o.id = e.order_id
        JOIN lifecycle_orderline l ON l.id = e.order_line_id
        WHERE l.completed_at IS NOT NULL AND e.state = 'frozen' AND e.due_at IS NULL
    """,
    ),
    Check(
        "money_late",
        ("W2",),
        """
        SELECT c.order_number || '/' || c.line || ' level ' || c.level, format('due since %%s', c.due_at)
        FROM commissions_commission c WHERE c.state = 'frozen' AND c.due_at < %(late_at)s
        UNION ALL
        SELECT p.number, format('supplier''s money is due since %%s', e.due_at)
        FROM settlements_earning e JOIN lifecycle_supplierorder p ON p.id = e.supplier_order_id
        WHERE e.state = 'frozen' AND e.due_at < %(late_at)s
    """,
    ),
    Check(
        "failed_silently",
        ("W2",),
        """
        SELECT number, 'failed, and nobody knows why'
        FROM payments_refund WHERE state = 'failed' AND fail_reason = ''
        UNION ALL
        SELECT d.what || ' ' || d.subject, 'set aside, and nobody knows why'
        FROM work_due d WHERE d.state = 'parked' AND d.last_error = ''
    """,
    ),
    # The clock only ever says "look now"; a task for one later moment is work outside the tables.
    Check(
        "task_for_later",
        ("W3",),
        """
        SELECT t.name, 'is planned for one later moment'
        FROM django_celery_beat_periodictask t WHERE t.enabled AND (t.one_off OR t.clocked_id IS NOT NULL)
    """,
    ),
    Check(
        "key_twice",
        ("M21",),
        """
        SELECT k.caller || ' ' || k.key, format('stored %%s times', count(*))
        FROM work_idempotencykey k GROUP BY k.caller, k.key HAVING count(*) > 1
    """,
    ),
]
