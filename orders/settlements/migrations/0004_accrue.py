"""``settlements_accrue``: what suppliers earn from a paid order, in one call."""

from django.db import migrations

# Each is [supplier order, supplier, order line or null for the freight, amount].
ACCRUE = """
CREATE FUNCTION settlements_accrue(p_order bigint, p_earnings json, p_at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO settlements_earning (order_id, supplier_order_id, supplier_id, order_line_id, amount_fen,
        deducted_fen, state, accrued_at)
    SELECT p_order, (e.row ->> 0)::bigint, (e.row ->> 1)::bigint, (e.row ->> 2)::bigint, (e.row ->> 3)::bigint,
        0, 'frozen', p_at
    FROM json_array_elements(p_earnings) WITH ORDINALITY AS e(row, n)
    ORDER BY e.n;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("settlements", "0003_invariants")]

    operations = [migrations.RunSQL(ACCRUE, "DROP FUNCTION settlements_accrue;")]
