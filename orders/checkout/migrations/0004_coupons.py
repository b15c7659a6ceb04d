"""Coupons on the way of an order: ``checkout_coupons`` reads, ``checkout_place_with_coupons`` writes.

The functions that place an order without coupons stay as they are.
"""

from django.db import migrations

# Her pieces, the stores whose codes some came by, and whether this would be her first order.
COUPONS = """
CREATE FUNCTION checkout_coupons(p_user bigint, p_now timestamptz) RETURNS json
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_pieces json := coupons_pieces(p_user, p_now);
BEGIN
    IF v_pieces IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN json_build_array(
        v_pieces,
        (
            SELECT json_object_agg(k.code, k.store_id) FROM codes_couponcode k
            WHERE k.code IN (SELECT piece ->> 20 FROM json_array_elements(v_pieces) AS piece)
        ),
        NOT EXISTS (SELECT FROM lifecycle_order o WHERE o.user_id = p_user AND o.state <> 'cancelled')
    );
END $$;
"""

# The coupons' counters come before the stock's rows, as everywhere. When the key was answered meanwhile nothing
# may stay: LJ003 undoes it all.
PLACE = """
CREATE FUNCTION checkout_place_with_coupons(
    p_uses json, p_order json, p_parts json, p_lines json, p_skus bigint[], p_quantities bigint[],
    p_user bigint, p_number text, p_expires_at timestamptz, p_at timestamptz,
    p_caller text, p_key text, p_asked text, p_status integer, p_body jsonb
) RETURNS bigint LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_order bigint;
BEGIN
    PERFORM coupons_use(p_number, p_user, p_uses, p_at);
    v_order := checkout_place(p_order, p_parts, p_lines, p_skus, p_quantities, p_user, p_number, p_expires_at, p_at,
        p_caller, p_key, p_asked, p_status, p_body);
    IF v_order = 0 THEN
        RAISE EXCEPTION 'answered meanwhile' USING ERRCODE = 'LJ003';
    END IF;
    RETURN v_order;
END $$;
"""

# The order's lines carry what the coupons' shares say: at the commit, when both are written.
LINES = """
CREATE FUNCTION checkout_coupon_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM coupons_couponuse u
        JOIN lifecycle_order o ON o.number = u.order_number
        LEFT JOIN lifecycle_orderline l ON l.order_id = o.id AND l.line = NEW.line
        CROSS JOIN LATERAL (
            SELECT sum(s.discount_fen) AS discount, sum(s.platform_fen) AS platform
            FROM coupons_couponuse w JOIN coupons_couponshare s ON s.use_id = w.id
            WHERE w.order_number = u.order_number AND s.line = NEW.line
        ) x
        WHERE u.id = NEW.use_id AND (l.id IS NULL OR x.discount > l.discount_fen OR x.platform <> l.subsidy_fen)
    ) OR NOT EXISTS (
        SELECT FROM coupons_couponuse u JOIN lifecycle_order o ON o.number = u.order_number WHERE u.id = NEW.use_id
    ) THEN
        RAISE EXCEPTION 'a coupon''s shares are what its order''s lines were lowered by'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'checkout_coupon_lines';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER checkout_coupon_lines AFTER INSERT ON coupons_couponshare
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION checkout_coupon_guard();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0003_plans"),
        ("coupons", "0002_guards"),
        ("codes", "0001_initial"),
        ("lifecycle", "0006_subsidies"),
    ]

    operations = [
        migrations.RunSQL(COUPONS, "DROP FUNCTION checkout_coupons;"),
        migrations.RunSQL(PLACE, "DROP FUNCTION checkout_place_with_coupons;"),
        migrations.RunSQL(LINES, "DROP FUNCTION checkout_coupon_guard() CASCADE;"),
    ]
