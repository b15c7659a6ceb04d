"""Where the pieces are: stock against its movements, reservations and orders."""

from shop.ledger.proof import Check

CHECKS = [
    Check(
        "stock_sums",
        ("S1", "S2"),
        """
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
    ),
    Check(
        "reservation",
        ("S4", "S5"),
        """
        SELECT o.number, format('%%s, but its pieces are %%s', o.state, coalesce(r.states, 'nowhere'))
        FROM lifecycle_order o
        LEFT JOIN (
            SELECT reference, string_agg(DISTINCT state, ', ') AS states FROM stock_reservation
            WHERE state <> 'released' GROUP BY reference
        ) r ON r.reference = o.number
        WHERE r.states IS DISTINCT FROM CASE o.state
            WHEN 'placed' THEN 'open' WHEN 'cancelled' THEN NULL ELSE 'consumed' END
    """,
    ),
    # Every number of the shelf again, from the movements that are only ever added.
    Check(
        "stock_movements",
        ("S1",),
        """
        SELECT k.number, format('received %%s, on hand %%s, reserved %%s, sold %%s, returned %%s; '
            'movements say %%s, %%s, %%s, %%s, %%s', i.received, i.on_hand, i.reserved, i.sold, i.returned,
            m.received, m.received - m.reserved + m.released + m.returned,
            m.reserved - m.released - m.sold, m.sold, m.returned)
        FROM stock_stockitem i
        JOIN catalogue_sku k ON k.id = i.sku_id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(quantity) FILTER (WHERE kind IN ('received', 'corrected')), 0) AS received,
                coalesce(sum(quantity) FILTER (WHERE kind = 'reserved'), 0) AS reserved,
                coalesce(sum(quantity) FILTER (WHERE kind = 'released'), 0) AS released,
                coalesce(sum(quantity) FILTER (WHERE kind = 'sold'), 0) AS sold,
                coalesce(sum(quantity) FILTER (WHERE kind = 'returned'), 0) AS returned
            FROM stock_stockmovement WHERE sku_id = i.sku_id
        ) m
        WHERE (i.received, i.on_hand, i.reserved, i.sold, i.returned) <> (
            m.received, m.received - m.reserved + m.released + m.returned,
            m.reserved - m.released - m.sold, m.sold, m.returned)
    """,
    ),
    Check(
        "oversold",
        ("S3",),
        """
        SELECT k.number, format('%%s pieces received, %%s sold or promised and not come back',
            i.received, i.sold + i.reserved - i.returned)
        FROM stock_stockitem i JOIN catalogue_sku k ON k.id = i.sku_id
        WHERE i.sold + i.reserved - i.returned > i.received OR i.on_hand < 0 OR i.reserved < 0
    """,
    ),
    # What an order holds or took is what it bought, one SKU on two lines counted together.
    Check(
        "reservation_pieces",
        ("S3", "S5"),
        """
        SELECT o.number || ' ' || k.number, format('bought %%s, its reservation says %%s', l.pieces, r.pieces)
        FROM lifecycle_order o
        JOIN (
            SELECT order_id, sku_id, sum(quantity) AS pieces FROM lifecycle_orderline GROUP BY order_id, sku_id
        ) l ON l.order_id = o.id
        JOIN catalogue_sku k ON k.id = l.sku_id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(quantity), 0) AS pieces FROM stock_reservation
            WHERE reference = o.number AND sku_id = l.sku_id AND state <> 'released'
        ) r
        WHERE o.state <> 'cancelled' AND r.pieces <> l.pieces
    """,
    ),
    Check(
        "reservation_ends",
        ("S4",),
        """
        SELECT reference || ' ' || k.number, format('made %%s, released %%s, sold %%s; movements say %%s, %%s, %%s',
            coalesce(r.made, 0), coalesce(r.released, 0), coalesce(r.sold, 0),
            coalesce(m.made, 0), coalesce(m.released, 0), coalesce(m.sold, 0))
        FROM (
            SELECT reference, sku_id, sum(quantity) AS made,
                sum(quantity) FILTER (WHERE state = 'released') AS released,
                sum(quantity) FILTER (WHERE state = 'consumed') AS sold
            FROM stock_reservation GROUP BY reference, sku_id
        ) r
        FULL JOIN (
            SELECT reference, sku_id, sum(quantity) FILTER (WHERE kind = 'reserved') AS made,
                sum(quantity) FILTER (WHERE kind = 'released') AS released,
                sum(quantity) FILTER (WHERE kind = 'sold') AS sold
            FROM stock_stockmovement WHERE kind IN ('reserved', 'released', 'sold') GROUP BY reference, sku_id
        ) m USING (reference, sku_id)
        LEFT JOIN catalogue_sku k ON k.id = sku_id
        WHERE (coalesce(r.made, 0), coalesce(r.released, 0), coalesce(r.sold, 0))
            <> (coalesce(m.made, 0), coalesce(m.released, 0), coalesce(m.sold, 0))
    """,
    ),
    # Back on the shelf is what a refund put there, once: not what the void one had put there whose place it took.
    Check(
        "returned",
        ("S1",),
        """
        SELECT coalesce(number, reference), format('its lines put back %%s pieces, movements say %%s',
            coalesce(l.pieces, 0), coalesce(m.pieces, 0))
        FROM (
            SELECT r.number, ol.sku_id, sum(rl.quantity - coalesce(v.quantity, 0)) AS pieces
            FROM payments_refundline rl
            JOIN payments_refund r ON r.id = rl.refund_id
            JOIN lifecycle_orderline ol ON ol.id = rl.order_line_id
            LEFT JOIN payments_refundline v ON v.refund_id = r.replaces_id AND v.order_line_id = rl.order_line_id
            WHERE rl.is_restocked GROUP BY r.number, ol.sku_id
        ) l
        FULL JOIN (
            SELECT reference, sku_id, sum(quantity) AS pieces
            FROM stock_stockmovement WHERE kind = 'returned' GROUP BY reference, sku_id
        ) m ON m.reference = l.number AND m.sku_id = l.sku_id
        WHERE coalesce(l.pieces, 0) <> coalesce(m.pieces, 0)
    """,
    ),
]
