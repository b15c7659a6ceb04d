"""``lifecycle_place``: an order with its parts and lines, in one call whatever their number."""

from django.db import migrations

# The values travel as JSON; the tables' own row types turn them back. A line names its part by the supplier:
# an order has one part per supplier. Every column is given, so one that is added later needs this made anew
# (tests/orders/test_lifecycle.py compares).
ORDER = (
    *("number", "user_id", "state", "goods_fen", "discount_fen", "freight_fen", "payable_fen", "paid_fen"),
    *("refunded_fen", "recipient_name", "recipient_phone", "region_code", "region_names", "address_detail"),
    *("note", "placed_at", "expires_at", "paid_at", "cancelled_at", "cancel_reason", "completed_at"),
)
PART = (
    *("number", "supplier_id", "state", "goods_fen", "discount_fen", "freight_fen", "payable_fen"),
    *("refunded_fen", "freight_refunded_fen", "placed_at", "shipped_at", "auto_receive_at", "received_at"),
    "completed_at",
)
LINE = (
    *("line", "product_id", "sku_id", "title", "option_text", "image", "quantity", "unit_fen"),
    *("supply_unit_fen", "discount_fen", "paid_fen", "supplier_fen", "pool_fen", "refunded_quantity"),
    *("refunded_fen", "store_id", "referrer_store_id", "level1_bp", "level2_bp", "level1_fen", "level2_fen"),
    *("rule_number", "credit_reason", "credit_evidence", "return_days", "received_at", "window_ends_at"),
    "completed_at",
)

PLACE = f"""
CREATE FUNCTION lifecycle_place(p_order json, p_parts json, p_lines json) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_order bigint;
BEGIN
    INSERT INTO lifecycle_order ({", ".join(ORDER)})
    SELECT {", ".join(ORDER)} FROM json_populate_record(NULL::lifecycle_order, p_order)
    RETURNING id INTO v_order;
    WITH parts AS (
        INSERT INTO lifecycle_supplierorder (order_id, {", ".join(PART)})
        SELECT v_order, {", ".join(PART)} FROM json_populate_recordset(NULL::lifecycle_supplierorder, p_parts)
        RETURNING id, supplier_id
    )
    INSERT INTO lifecycle_orderline (order_id, supplier_order_id, {", ".join(LINE)})
    SELECT v_order, parts.id, {", ".join(f"(r.line).{name}" for name in LINE)}
    FROM json_to_recordset(p_lines) AS r(supplier_id bigint, line lifecycle_orderline)
    JOIN parts USING (supplier_id);
    RETURN v_order;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0002_guards")]

    operations = [migrations.RunSQL(PLACE, "DROP FUNCTION lifecycle_place;")]
