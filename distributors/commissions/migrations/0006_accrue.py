"""``commissions_accrue``: what a paid sale earns, in one call."""

from django.db import migrations

# Each is [line, level, store, base, rate, amount, rule]. What was accrued before stays as it is.
ACCRUE = """
CREATE FUNCTION commissions_accrue(p_order text, p_shares json, p_at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO commissions_commission (order_number, line, level, store_id, base_fen, rate_bp, amount_fen,
        clawed_back_fen, state, rule_number, accrued_at)
    SELECT p_order, (s.row ->> 0)::integer, (s.row ->> 1)::integer, (s.row ->> 2)::bigint, (s.row ->> 3)::bigint,
        (s.row ->> 4)::integer, (s.row ->> 5)::bigint, 0, 'frozen', s.row ->> 6, p_at
    FROM json_array_elements(p_shares) WITH ORDINALITY AS s(row, n)
    ORDER BY s.n
    ON CONFLICT DO NOTHING;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("commissions", "0005_settling")]

    operations = [migrations.RunSQL(ACCRUE, "DROP FUNCTION commissions_accrue;")]
