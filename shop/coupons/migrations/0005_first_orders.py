"""Coupons for the first order: of two orders at the same moment only one is the first."""

from importlib import import_module

from django.db import migrations

_USE = import_module("shop.coupons.migrations.0002_guards").USE
assert isinstance(_USE, str)

# What was used before: the oldest order of each person, once.
BEFORE = """
UPDATE coupons_couponuse SET first_of_id = found.user_id
FROM (
    SELECT DISTINCT ON (claim.user_id) u.id, claim.user_id
    FROM coupons_couponuse u
    JOIN coupons_couponclaim claim ON claim.id = u.claim_id
    JOIN coupons_coupon c ON c.id = u.coupon_id
    WHERE c.kind = 'new_customer' AND u.returned_at IS NULL
    ORDER BY claim.user_id, u.id
) found
WHERE coupons_couponuse.id = found.id;
"""

# Written by the database, so that no hand goes past it. Further such coupons of the same order leave it empty.
FIRST = """
CREATE FUNCTION coupons_first_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT claim.user_id INTO NEW.first_of_id
    FROM coupons_couponclaim claim JOIN coupons_coupon c ON c.id = claim.coupon_id
    WHERE claim.id = NEW.claim_id AND c.kind = 'new_customer' AND NOT EXISTS (
        SELECT FROM coupons_couponuse u WHERE u.order_number = NEW.order_number AND u.first_of_id = claim.user_id
    );
    RETURN NEW;
END $$;
CREATE TRIGGER coupons_couponuse_first BEFORE INSERT ON coupons_couponuse
    FOR EACH ROW EXECUTE FUNCTION coupons_first_order();
CREATE TRIGGER coupons_couponuse_first_kept BEFORE UPDATE OF first_of_id ON coupons_couponuse
    FOR EACH ROW WHEN (OLD.first_of_id IS DISTINCT FROM NEW.first_of_id) EXECUTE FUNCTION coupons_refuse();
"""
UNFIRST = """
DROP TRIGGER coupons_couponuse_first_kept ON coupons_couponuse;
DROP FUNCTION coupons_first_order() CASCADE;
"""

# As before, but the second of two first orders waits for the other and is told so (LJ002, ``not_new``).
_OLD = "VALUES (p_order, v_use.claim_id, v_use.coupon_id, v_use.fen, p_at) RETURNING id INTO v_id;"
_NEW = """VALUES (p_order, v_use.claim_id, v_use.coupon_id, v_use.fen, p_at)
        ON CONFLICT (first_of_id) WHERE returned_at IS NULL AND first_of_id IS NOT NULL DO NOTHING
        RETURNING id INTO v_id;
        IF v_id IS NULL THEN
            RAISE EXCEPTION 'the coupon cannot be used' USING ERRCODE = 'LJ002',
                DETAIL = json_build_array(v_use.number, 'not_new')::text;
        END IF;"""
USE = _USE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").replace(_OLD, _NEW)


class Migration(migrations.Migration):
    dependencies = [("coupons", "0004_firsts")]

    operations = [
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
        migrations.RunSQL(FIRST, UNFIRST),
        migrations.RunSQL(USE, _USE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")),
    ]
