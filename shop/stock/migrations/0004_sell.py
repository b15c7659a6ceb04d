"""``stock_settle`` ends what an order holds; ``stock_sell`` sells to an order that is paid."""

from django.db import migrations

# Open reservations become ``consumed`` or ``released``, with their history, a movement each, and their pieces; the
# stock's rows last, locked in SKU order. False when nothing was held.
SETTLE = """
CREATE FUNCTION stock_settle(p_reference text, p_to text, p_at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_skus bigint[];
    v_quantities bigint[];
BEGIN
    WITH held AS (
        SELECT id FROM stock_reservation
        WHERE reference = p_reference AND state = 'open' ORDER BY id FOR NO KEY UPDATE
    ), moved AS (
        UPDATE stock_reservation r SET state = p_to FROM held WHERE r.id = held.id AND r.state = 'open'
        RETURNING r.id, r.sku_id, r.quantity
    ), noted AS (
        INSERT INTO states_statechange (subject, source, target, actor, reason, at)
        SELECT 'reservation:' || id, 'open', p_to, 'system', p_reference, p_at FROM moved ORDER BY id
    )
    SELECT array_agg(sku_id ORDER BY sku_id), array_agg(quantity::bigint ORDER BY sku_id)
    INTO v_skus, v_quantities FROM moved;
    IF v_skus IS NULL THEN
        RETURN false;
    END IF;
    INSERT INTO stock_stockmovement (sku_id, kind, quantity, reference, at)
    SELECT w.sku_id, CASE p_to WHEN 'consumed' THEN 'sold' ELSE 'released' END, w.quantity, p_reference, p_at
    FROM unnest(v_skus, v_quantities) AS w(sku_id, quantity);
    PERFORM FROM stock_stockitem WHERE sku_id = ANY (v_skus) ORDER BY sku_id FOR NO KEY UPDATE;
    UPDATE stock_stockitem item
    SET reserved = item.reserved - w.quantity,
        on_hand = item.on_hand + CASE p_to WHEN 'released' THEN w.quantity ELSE 0 END,
        sold = item.sold + CASE p_to WHEN 'consumed' THEN w.quantity ELSE 0 END
    FROM unnest(v_skus, v_quantities) AS w(sku_id, quantity)
    WHERE item.sku_id = w.sku_id;
    RETURN true;
END $$;
"""

# What is held is sold; what was sold to this order stays so; what was released is held anew if there is enough of it
# (else LJ001 of stock_reserve, and nothing stays).
SELL = """
CREATE FUNCTION stock_sell(p_reference text, p_skus bigint[], p_quantities bigint[], p_at timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF stock_settle(p_reference, 'consumed', p_at)
       OR EXISTS (SELECT FROM stock_reservation WHERE reference = p_reference AND state = 'consumed') THEN
        RETURN;
    END IF;
    PERFORM stock_reserve(p_reference, p_skus, p_quantities, p_at);
    PERFORM stock_settle(p_reference, 'consumed', p_at);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("stock", "0003_reserve"), ("states", "0002_guards")]

    operations = [
        migrations.RunSQL(SETTLE, "DROP FUNCTION stock_settle;"),
        migrations.RunSQL(SELL, "DROP FUNCTION stock_sell;"),
    ]
