"""The SQL limits of the money paths: the same writes by hand, in one function on our own tables."""

# What placing an order of two suppliers writes, for a random customer and two random SKUs.
PLACE = """
CREATE FUNCTION bench_place(p_user bigint, p_a bigint, p_b bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_number text := 'O' || upper(substr(md5(random()::text || clock_timestamp()::text), 1, 16));
    v_key text := md5(random()::text || clock_timestamp()::text);
    v_at timestamptz := clock_timestamp();
    v_order bigint;
    v_first bigint;
    v_second bigint;
    v_store bigint;
    v_evidence jsonb;
    a record;
    b record;
BEGIN
    SELECT s.id, s.product_id, s.supplier_id, p.title, r.retail_fen, r.supply_fen INTO a
    FROM catalogue_sku s JOIN catalogue_product p ON p.id = s.product_id JOIN pricing_skuprice r ON r.sku_id = s.id
    WHERE s.id = p_a;
    SELECT s.id, s.product_id, s.supplier_id, p.title, r.retail_fen, r.supply_fen INTO b
    FROM catalogue_sku s JOIN catalogue_product p ON p.id = s.product_id JOIN pricing_skuprice r ON r.sku_id = s.id
    WHERE s.id = p_b;
    SELECT store_id INTO v_store FROM links_bond WHERE user_id = p_user AND ended_at IS NULL;
    v_evidence := jsonb_build_object('touches', '[]'::jsonb, 'is_self_purchase', false, 'candidates',
        jsonb_build_array(jsonb_build_object('what', 'bond', 'store', v_store, 'at', v_at, 'verdict', 'won')));
    INSERT INTO work_idempotencykey (caller, key, request_hash, status, body, created_at)
    VALUES ('user:' || p_user, v_key, v_key || v_key, 201, jsonb_build_object(
        'number', v_number, 'state', 'placed', 'goods_fen', a.retail_fen + 2 * b.retail_fen,
        'titles', jsonb_build_array(a.title, b.title), 'rest', repeat('x', 1200)), v_at);
    INSERT INTO lifecycle_order (number, user_id, state, goods_fen, discount_fen, freight_fen, payable_fen, paid_fen,
        refunded_fen, recipient_name, recipient_phone, region_code, region_names, address_detail, note, placed_at,
        expires_at, cancel_reason)
    SELECT v_number, p_user, 'placed', a.retail_fen + 2 * b.retail_fen, 0, 1800, a.retail_fen + 2 * b.retail_fen + 1800,
        0, 0, d.name, d.phone, d.region_code, d.region_names, d.detail, '', v_at, v_at + interval '30 min', ''
    FROM accounts_address d WHERE d.user_id = p_user AND d.removed_at IS NULL LIMIT 1
    RETURNING id INTO v_order;
    INSERT INTO lifecycle_supplierorder (number, order_id, supplier_id, state, goods_fen, discount_fen, freight_fen,
        payable_fen, refunded_fen, freight_refunded_fen, placed_at)
    VALUES ('S1' || v_number, v_order, a.supplier_id, 'waiting', a.retail_fen, 0, 800, a.retail_fen + 800, 0, 0, v_at)
    RETURNING id INTO v_first;
    INSERT INTO lifecycle_supplierorder (number, order_id, supplier_id, state, goods_fen, discount_fen, freight_fen,
        payable_fen, refunded_fen, freight_refunded_fen, placed_at)
    VALUES ('S2' || v_number, v_order, b.supplier_id, 'waiting', 2 * b.retail_fen, 0, 1000, 2 * b.retail_fen + 1000, 0,
        0, v_at)
    RETURNING id INTO v_second;
    INSERT INTO lifecycle_orderline (order_id, supplier_order_id, line, product_id, sku_id, title, option_text, image,
        quantity, unit_fen, supply_unit_fen, discount_fen, paid_fen, supplier_fen, pool_fen, subsidy_fen, refunded_quantity,
        refunded_fen, store_id, level1_bp, level2_bp, level1_fen, level2_fen, rule_number, credit_reason,
        credit_evidence, return_days)
    VALUES
        (v_order, v_first, 1, a.product_id, a.id, a.title, '', '', 1, a.retail_fen, a.supply_fen, 0, a.retail_fen,
         a.supply_fen, a.retail_fen - a.supply_fen, 0, 0, 0, v_store, 500, 0, a.retail_fen / 20, 0, 'R1',
         'protected_bond', v_evidence, 7),
        (v_order, v_second, 2, b.product_id, b.id, b.title, '', '', 2, b.retail_fen, b.supply_fen, 0, 2 * b.retail_fen,
         2 * b.supply_fen, 2 * (b.retail_fen - b.supply_fen), 0, 0, 0, v_store, 500, 0, b.retail_fen / 10, 0, 'R1',
         'protected_bond', v_evidence, 7);
    DELETE FROM checkout_cartline l USING checkout_cart c
    WHERE c.user_id = p_user AND l.cart_id = c.id AND l.is_selected AND l.sku_id IN (p_a, p_b);
    INSERT INTO work_due (what, subject, due_at, state, attempts, last_error, created_at)
    VALUES ('order.expire', v_number, v_at + interval '30 min', 'open', 0, '', v_at);
    INSERT INTO stock_reservation (reference, sku_id, quantity, state, created_at)
    VALUES (v_number, p_a, 1, 'open', v_at), (v_number, p_b, 2, 'open', v_at);
    INSERT INTO stock_stockmovement (sku_id, kind, quantity, reference, at)
    VALUES (p_a, 'reserved', 1, v_number, v_at), (p_b, 'reserved', 2, v_number, v_at);
    -- SKUs of the first supplier have the lower ids.
    UPDATE stock_stockitem SET on_hand = on_hand - 1, reserved = reserved + 1 WHERE sku_id = p_a AND on_hand >= 1;
    UPDATE stock_stockitem SET on_hand = on_hand - 2, reserved = reserved + 2 WHERE sku_id = p_b AND on_hand >= 2;
END $$
"""

# What a notice of payment writes, for the next order that waits: the notice, states and their history, the goods, what
# suppliers and the store earn, the journals, the due work it ends, the messages.
PAY = """
CREATE FUNCTION bench_pay() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_at timestamptz := clock_timestamp();
    v_turn bigint := nextval('bench_turn');
    v_gateway bigint;
    v_fee bigint;
    v_clearing bigint;
    v_store text;
    v_frozen bigint;
    v_owner bigint;
    v_level1 bigint;
    v_rest bigint;
    o record;
    p record;
BEGIN
    SELECT x.* INTO o FROM bench_waiting w JOIN lifecycle_order x ON x.id = w.order_id
    WHERE w.turn = v_turn FOR NO KEY UPDATE OF x;
    SELECT * INTO p FROM payments_payment WHERE order_id = o.id FOR NO KEY UPDATE;
    INSERT INTO payments_gatewaynotice (gateway, event_id, kind, number, state, amount_fen, raw, received_at, outcome)
    VALUES ('wechat', md5(p.number), 'payment', p.number, 'paid', p.amount_fen, jsonb_build_object(
        'out_trade_no', p.number, 'transaction_id', 'T' || p.number, 'rest', repeat('x', 400)), v_at, 'applied');
    UPDATE payments_payment SET state = 'succeeded', is_applied = true, transaction_id = 'T' || number,
        succeeded_at = v_at WHERE id = p.id;
    UPDATE lifecycle_order SET state = 'paid', paid_fen = payable_fen, paid_at = v_at WHERE id = o.id;
    UPDATE lifecycle_supplierorder SET state = 'to_ship' WHERE order_id = o.id;
    UPDATE stock_reservation SET state = 'consumed' WHERE reference = o.number AND state = 'open';
    INSERT INTO states_statechange (subject, source, target, actor, reason, at)
    SELECT 'payment:' || p.number, 'started', 'succeeded', 'system', '', v_at
    UNION ALL SELECT 'order:' || o.number, 'placed', 'paid', 'system', '', v_at
    UNION ALL SELECT 'supplier_order:' || number, 'waiting', 'to_ship', 'system', '', v_at
    FROM lifecycle_supplierorder WHERE order_id = o.id
    UNION ALL SELECT 'reservation:' || id, 'open', 'consumed', 'system', o.number, v_at
    FROM stock_reservation WHERE reference = o.number AND state <> 'released';
    INSERT INTO settlements_earning (order_id, supplier_order_id, supplier_id, order_line_id, amount_fen, deducted_fen,
        state, accrued_at)
    SELECT o.id, s.id, s.supplier_id, l.id, l.supplier_fen, 0, 'frozen', v_at
    FROM lifecycle_supplierorder s JOIN lifecycle_orderline l ON l.supplier_order_id = s.id WHERE s.order_id = o.id
    UNION ALL
    SELECT o.id, s.id, s.supplier_id, NULL, s.freight_fen, 0, 'frozen', v_at
    FROM lifecycle_supplierorder s WHERE s.order_id = o.id;
    INSERT INTO commissions_commission (order_number, line, level, store_id, base_fen, rate_bp, amount_fen,
        clawed_back_fen, state, rule_number, accrued_at)
    SELECT o.number, l.line, 1, l.store_id, l.paid_fen, l.level1_bp, l.level1_fen, 0, 'frozen', l.rule_number, v_at
    FROM lifecycle_orderline l WHERE l.order_id = o.id;
    SELECT s.code, d.user_id, sum(l.level1_fen) INTO v_store, v_owner, v_level1
    FROM lifecycle_orderline l JOIN stores_store s ON s.id = l.store_id
    JOIN stores_distributor d ON d.id = s.distributor_id
    WHERE l.order_id = o.id GROUP BY s.code, d.user_id;
    INSERT INTO ledger_account (path, kind, guarded, debits_fen, credits_fen)
    VALUES ('order/' || o.number || '/clearing', 'liability', true, 0, 0) RETURNING id INTO v_clearing;
    SELECT id INTO v_gateway FROM ledger_account WHERE path = 'gateway/wechat';
    SELECT id INTO v_fee FROM ledger_account WHERE path = 'platform/fee';
    SELECT id INTO v_frozen FROM ledger_account WHERE path = 'store/' || v_store || '/frozen';
    SELECT o.payable_fen - v_level1 - sum(l.supplier_fen) - o.freight_fen INTO v_rest
    FROM lifecycle_orderline l WHERE l.order_id = o.id;
    WITH entries AS (
        SELECT 'payment_received' AS kind, 'payment_received:' || p.number AS key, v_gateway AS debit,
            v_clearing AS credit, p.amount_fen AS fen
        UNION ALL
        SELECT 'supplier_accrued', 'supplier_accrued:' || s.number, v_clearing,
            (SELECT a.id FROM ledger_account a WHERE a.path = 'supplier/' || u.code || '/frozen'),
            s.freight_fen + (SELECT sum(l.supplier_fen) FROM lifecycle_orderline l WHERE l.supplier_order_id = s.id)
        FROM lifecycle_supplierorder s JOIN suppliers_supplier u ON u.id = s.supplier_id WHERE s.order_id = o.id
        UNION ALL
        SELECT 'commission_accrued', 'commission_accrued:' || o.number, v_clearing, v_frozen, l.level1_fen
        FROM lifecycle_orderline l WHERE l.order_id = o.id
        UNION ALL
        SELECT 'fee_taken', 'fee_taken:' || o.number, v_clearing, v_fee, v_rest
    ), journals AS (
        INSERT INTO ledger_journal (kind, reference, key, content, happened_at)
        SELECT DISTINCT kind, o.number, key, md5(key), v_at FROM entries RETURNING id, key, posted_at
    )
    INSERT INTO ledger_transfer (journal_id, debit_id, credit_id, amount_fen, posted_at)
    SELECT j.id, e.debit, e.credit, e.fen, j.posted_at FROM entries e JOIN journals j USING (key);
    DELETE FROM work_due WHERE what = 'payment.query' AND subject = p.number AND state <> 'done';
    DELETE FROM work_due WHERE what = 'order.expire' AND subject = o.number AND state <> 'done';
    INSERT INTO notifications_notification (user_id, kind, facts, link, created_at)
    SELECT o.user_id, 'order_paid', jsonb_build_object('order', o.number, 'amount_fen', o.payable_fen), '', v_at
    UNION ALL SELECT v_owner, 'commission_accrued',
        jsonb_build_object('order', o.number, 'amount_fen', v_level1), '', v_at
    UNION ALL SELECT m.user_id, 'order_to_ship', jsonb_build_object('order', s.number), '', v_at
    FROM lifecycle_supplierorder s JOIN suppliers_suppliermember m ON m.supplier_id = s.supplier_id
    WHERE s.order_id = o.id;
    INSERT INTO stock_stockmovement (sku_id, kind, quantity, reference, at)
    SELECT sku_id, 'sold', quantity, reference, v_at
    FROM stock_reservation WHERE reference = o.number AND state <> 'released';
    PERFORM FROM stock_stockitem
    WHERE sku_id IN (SELECT sku_id FROM stock_reservation WHERE reference = o.number AND state <> 'released')
    ORDER BY sku_id FOR NO KEY UPDATE;
    UPDATE stock_stockitem i SET reserved = i.reserved - r.quantity, sold = i.sold + r.quantity
    FROM stock_reservation r WHERE r.reference = o.number AND r.state <> 'released' AND i.sku_id = r.sku_id;
END $$
"""

# Every due commission settled in one statement: the state, its history, a journal and a transfer each, and the
# stores' running sums (which the books' own trigger brings up to date).
SETTLE = """
WITH due AS (
    UPDATE commissions_commission SET state = 'settled', settled_at = now()
    WHERE state = 'frozen' AND due_at <= now()
    RETURNING id, order_number, line, level, store_id, amount_fen - clawed_back_fen AS fen
), history AS (
    INSERT INTO states_statechange (subject, source, target, actor, reason, at)
    SELECT 'commission:' || id, 'frozen', 'settled', 'system', '', now() FROM due
), journals AS (
    INSERT INTO ledger_journal (kind, reference, key, content, happened_at)
    SELECT 'commission_settled', order_number, 'commission_settled:' || order_number || ':' || line || ':' || level,
        md5(id::text), now()
    FROM due
    RETURNING id, key, posted_at
)
INSERT INTO ledger_transfer (journal_id, debit_id, credit_id, amount_fen, posted_at)
SELECT j.id, frozen.id, available.id, due.fen, j.posted_at
FROM due
JOIN journals j ON j.key = 'commission_settled:' || order_number || ':' || line || ':' || level
JOIN stores_store store ON store.id = due.store_id
JOIN ledger_account frozen ON frozen.path = 'store/' || store.code || '/frozen'
JOIN ledger_account available ON available.path = 'store/' || store.code || '/available'
"""
