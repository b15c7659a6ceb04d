"""``stock_reserve``: pieces are held for an order, all SKUs or none, and the hot rows come last."""

from django.db import migrations

# Whatever can be written beforehand is; then the rows that everybody wants are changed one after the other in
# SKU order, so that two orders never wait for each other in a circle, and stay locked only until the commit.
# Missing pieces are an error, so that nothing of the caller's statement stays: DETAIL holds [SKU, wanted, left]
# of each SKU that is short.
RESERVE = """
CREATE FUNCTION stock_reserve(p_reference text, p_skus bigint[], p_quantities bigint[], p_at timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_wanted record;
    v_short json[];
BEGIN
    INSERT INTO stock_reservation (reference, sku_id, quantity, state, created_at)
    SELECT p_reference, w.sku_id, w.quantity, 'open', p_at
    FROM unnest(p_skus, p_quantities) AS w(sku_id, quantity);
    INSERT INTO stock_stockmovement (sku_id, kind, quantity, reference, at)
    SELECT w.sku_id, 'reserved', w.quantity, p_reference, p_at
    FROM unnest(p_skus, p_quantities) AS w(sku_id, quantity);
    FOR v_wanted IN
        SELECT w.sku_id, w.quantity FROM unnest(p_skus, p_quantities) AS w(sku_id, quantity) ORDER BY w.sku_id
    LOOP
        UPDATE stock_stockitem
        SET on_hand = on_hand - v_wanted.quantity, reserved = reserved + v_wanted.quantity
        WHERE sku_id = v_wanted.sku_id AND on_hand >= v_wanted.quantity;
        IF NOT FOUND THEN
            v_short := v_short || json_build_array(v_wanted.sku_id, v_wanted.quantity, coalesce(
                (SELECT on_hand FROM stock_stockitem WHERE sku_id = v_wanted.sku_id), 0));
        END IF;
    END LOOP;
    IF v_short IS NOT NULL THEN
        RAISE EXCEPTION 'not enough in stock' USING ERRCODE = 'LJ001', DETAIL = array_to_json(v_short)::text;
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("stock", "0002_guards")]

    operations = [migrations.RunSQL(RESERVE, "DROP FUNCTION stock_reserve;")]
