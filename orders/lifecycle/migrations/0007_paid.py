"""``lifecycle_sold`` reads an order as its payment needs it; ``lifecycle_mark_paid`` pays it and sends its parts on."""

from django.db import migrations

# In the order of orders/lifecycle/rules.py's ``SoldOrder``, ``SoldPart``, ``SoldLine``: what was promised, who is to
# be told, and whose the stores are.
SOLD = """
CREATE FUNCTION lifecycle_sold(p_order bigint) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN json_build_array(
        (
            SELECT json_build_array(o.id, o.number, o.user_id, o.state, o.payable_fen)
            FROM lifecycle_order o WHERE o.id = p_order
        ),
        (
            SELECT json_agg(json_build_array(
                part.id, part.number, part.supplier_id, supplier.code, part.freight_fen,
                ARRAY(SELECT m.user_id FROM suppliers_suppliermember m
                      WHERE m.supplier_id = part.supplier_id ORDER BY m.id)) ORDER BY part.id)
            FROM lifecycle_supplierorder part
            JOIN suppliers_supplier supplier ON supplier.id = part.supplier_id
            WHERE part.order_id = p_order
        ),
        (
            SELECT json_agg(json_build_array(
                line.id, line.line, line.supplier_order_id, line.sku_id, line.quantity,
                line.paid_fen, line.supplier_fen, line.subsidy_fen,
                line.level1_bp, line.level2_bp, line.level1_fen, line.level2_fen, line.rule_number,
                line.store_id, coalesce(store.code, ''), owner.user_id,
                line.referrer_store_id, coalesce(referrer.code, ''), recruiter.user_id) ORDER BY line.line)
            FROM lifecycle_orderline line
            LEFT JOIN stores_store store ON store.id = line.store_id
            LEFT JOIN stores_distributor owner ON owner.id = store.distributor_id
            LEFT JOIN stores_store referrer ON referrer.id = line.referrer_store_id
            LEFT JOIN stores_distributor recruiter ON recruiter.id = referrer.distributor_id
            WHERE line.order_id = p_order
        )
    );
END $$;
"""

# Both are conditional: false when the order does not wait for just this money (any more), and then nothing changed.
# The order's row is locked before its parts'.
PAID = """
CREATE FUNCTION lifecycle_mark_paid(p_order bigint, p_paid_fen bigint, p_actor text, p_at timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_number text;
BEGIN
    UPDATE lifecycle_order SET state = 'paid', paid_fen = p_paid_fen, paid_at = p_at
    WHERE id = p_order AND state = 'placed' AND payable_fen = p_paid_fen
    RETURNING number INTO v_number;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    WITH waiting AS (
        SELECT id FROM lifecycle_supplierorder
        WHERE order_id = p_order AND state = 'waiting' ORDER BY id FOR NO KEY UPDATE
    ), moved AS (
        UPDATE lifecycle_supplierorder part SET state = 'to_ship'
        FROM waiting WHERE part.id = waiting.id AND part.state = 'waiting'
        RETURNING part.id, part.number
    )
    INSERT INTO states_statechange (subject, source, target, actor, reason, at)
    SELECT 'order:' || v_number, 'placed', 'paid', p_actor, '', p_at
    UNION ALL
    SELECT m.subject, 'waiting', 'to_ship', p_actor, '', p_at
    FROM (SELECT 'supplier_order:' || number AS subject FROM moved ORDER BY id) m;
    RETURN true;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("lifecycle", "0006_subsidies"),
        ("states", "0002_guards"),
        ("suppliers", "0001_initial"),
        ("stores", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(SOLD, "DROP FUNCTION lifecycle_sold;"),
        migrations.RunSQL(PAID, "DROP FUNCTION lifecycle_mark_paid;"),
    ]
