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
        quantity, unit_fen, supply_unit_fen, discount_fen, paid_fen, supplier_fen, pool_fen, refunded_quantity,
        refunded_fen, store_id, level1_bp, level2_bp, level1_fen, level2_fen, rule_number, credit_reason,
        credit_evidence, return_days)
    VALUES
        (v_order, v_first, 1, a.product_id, a.id, a.title, '', '', 1, a.retail_fen, a.supply_fen, 0, a.retail_fen,
         a.supply_fen, a.retail_fen - a.supply_fen, 0, 0, v_store, 500, 0, a.retail_fen / 20, 0, 'R1',
         'protected_bond', v_evidence, 7),
        (v_order, v_second, 2, b.product_id, b.id, b.title, '', '', 2, b.retail_fen, b.supply_fen, 0, 2 * b.retail_fen,
         2 * b.supply_fen, 2 * (b.retail_fen - b.supply_fen), 0, 0, v_store, 500, 0, b.retail_fen / 10, 0, 'R1',
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
