"""What coupons gave: the counters, the pieces, every line's share, and the books."""

from shop.ledger.proof import Check

CHECKS = [
    Check(
        "coupon_budget",
        ("M20",),
        """
        SELECT c.code, format('spent %%s of %%s fen, its uses are %%s fen; %%s of %%s claimed, there are %%s pieces',
            c.spent_fen, c.budget_fen, u.fen, c.claimed, c.pieces_max, p.n)
        FROM coupons_coupon c
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(discount_fen), 0) AS fen FROM coupons_couponuse
            WHERE coupon_id = c.id AND returned_at IS NULL
        ) u
        CROSS JOIN LATERAL (SELECT count(*) AS n FROM coupons_couponclaim WHERE coupon_id = c.id) p
        WHERE c.spent_fen <> u.fen OR c.spent_fen > c.budget_fen OR c.claimed <> p.n OR c.claimed > c.pieces_max
    """,
    ),
    # A piece is used by one order, which is its own record and the use's; nobody holds more than the limit.
    Check(
        "coupon_piece",
        ("M20",),
        """
        SELECT p.number, format('is %%s for order %%s, %%s open uses say %%s', p.state, p.order_number, u.n, u.orders)
        FROM coupons_couponclaim p
        CROSS JOIN LATERAL (
            SELECT count(*) AS n, coalesce(string_agg(order_number, ' '), '') AS orders
            FROM coupons_couponuse WHERE claim_id = p.id AND returned_at IS NULL
        ) u
        WHERE u.n <> CASE WHEN p.state = 'used' THEN 1 ELSE 0 END OR u.orders <> p.order_number
        UNION ALL
        SELECT c.code, format('somebody took %%s pieces, the limit is %%s', count(*), c.per_person_max)
        FROM coupons_couponclaim p JOIN coupons_coupon c ON c.id = p.coupon_id
        GROUP BY c.code, c.per_person_max, p.user_id HAVING count(*) > c.per_person_max
    """,
    ),
    Check(
        "coupon_split",
        ("M20",),
        """
        SELECT u.order_number, format('a coupon takes off %%s fen, its lines %%s', u.discount_fen, coalesce(s.fen, 0))
        FROM coupons_couponuse u
        LEFT JOIN (
            SELECT use_id, sum(discount_fen) AS fen,
                bool_or(discount_fen <> platform_fen + supplier_fen + store_fen) AS is_off
            FROM coupons_couponshare GROUP BY use_id
        ) s ON s.use_id = u.id
        WHERE u.discount_fen IS DISTINCT FROM s.fen OR s.is_off
        UNION ALL
        SELECT o.number || '/' || l.line, format('lowered by %%s fen of which the platform pays %%s, coupons say %%s and %%s',
            l.discount_fen, l.subsidy_fen, coalesce(s.fen, 0), coalesce(s.platform, 0))
        FROM lifecycle_orderline l
        JOIN lifecycle_order o ON o.id = l.order_id
        LEFT JOIN (
            SELECT u.order_number, h.line, sum(h.discount_fen) AS fen, sum(h.platform_fen) AS platform
            FROM coupons_couponshare h JOIN coupons_couponuse u ON u.id = h.use_id
            GROUP BY u.order_number, h.line
        ) s ON s.order_number = o.number AND s.line = l.line
        WHERE coalesce(s.fen, 0) > l.discount_fen OR coalesce(s.platform, 0) <> l.subsidy_fen
    """,
    ),
    # The platform's part is booked when the order is paid, and comes back in step with the refunds.
    Check(
        "coupon_booked",
        ("M20",),
        """
        SELECT o.number, format('coupons stay at %%s fen, the books say %%s', x.stays, t.fen)
        FROM lifecycle_order o
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(CASE WHEN l.paid_fen = 0 THEN l.subsidy_fen
                ELSE l.subsidy_fen * (l.paid_fen - l.refunded_fen) / l.paid_fen END), 0) AS stays
            FROM lifecycle_orderline l WHERE l.order_id = o.id AND o.paid_fen > 0 AND l.subsidy_fen > 0
        ) x
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(CASE t.journal_kind WHEN 'coupon_funded' THEN t.amount_fen ELSE -t.amount_fen END), 0) AS fen
            FROM audit.transfers t
            WHERE t.reference = o.number AND t.journal_kind IN ('coupon_funded', 'coupon_returned')
        ) t
        WHERE x.stays <> t.fen
    """,
    ),
    # Given back once and only with the whole order: never paid, or all its money returned before anything left.
    Check(
        "coupon_back",
        ("M20",),
        """
        SELECT o.number, format('is %%s, its coupon is %%s', o.state,
            CASE WHEN u.returned_at IS NULL THEN 'still used' ELSE 'given back' END)
        FROM coupons_couponuse u
        JOIN lifecycle_order o ON o.number = u.order_number
        WHERE (u.returned_at IS NOT NULL) IS DISTINCT FROM (
            o.state = 'cancelled' OR o.paid_fen > 0 AND o.refunded_fen = o.paid_fen AND NOT EXISTS (
                SELECT FROM lifecycle_supplierorder p WHERE p.order_id = o.id AND p.shipped_at IS NOT NULL))
        UNION ALL
        SELECT u.order_number, 'used a coupon and does not exist'
        FROM coupons_couponuse u
        WHERE NOT EXISTS (SELECT FROM lifecycle_order o WHERE o.number = u.order_number)
    """,
    ),
]
