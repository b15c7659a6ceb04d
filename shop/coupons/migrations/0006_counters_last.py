"""The counters of coupons are what every order of one coupon waits for: they are changed last, by themselves.

``coupons_use`` takes the pieces and writes uses and shares; ``coupons_count`` counts them against the budgets. Between
the two the caller writes, and has checked, all that can be.
"""

from importlib import import_module

from django.db import migrations

_BEFORE = import_module("shop.coupons.migrations.0005_first_orders").USE
assert isinstance(_BEFORE, str)

# ``p_uses``: [piece, discount_fen, [[line, discount, platform, supplier, store], …]], …. LJ002 names the piece that
# cannot be used any more, and what is in the way. A piece that is used by another order is not waited for.
USE = """
CREATE OR REPLACE FUNCTION coupons_use(p_order text, p_user bigint, p_uses json, p_at timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_use record;
    v_id bigint;
    v_source text;
BEGIN
    FOR v_use IN
        SELECT claim.id AS claim_id, claim.number, claim.coupon_id, (u ->> 1)::bigint AS fen, u -> 2 AS shares
        FROM json_array_elements(p_uses) AS u
        JOIN coupons_couponclaim claim ON claim.number = u ->> 0 AND claim.user_id = p_user
        ORDER BY claim.coupon_id, claim.id
    LOOP
        SELECT state INTO v_source FROM coupons_couponclaim
        WHERE id = v_use.claim_id AND state IN ('claimed', 'returned') AND use_from <= p_at AND use_until > p_at
        FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the coupon cannot be used' USING ERRCODE = 'LJ002',
                DETAIL = json_build_array(v_use.number, 'used')::text;
        END IF;
        UPDATE coupons_couponclaim SET state = 'used', order_number = p_order WHERE id = v_use.claim_id;
        INSERT INTO states_statechange (subject, source, target, actor, reason, at)
        VALUES ('couponclaim:' || v_use.number, v_source, 'used', 'system', p_order, p_at);
        INSERT INTO coupons_couponuse (order_number, claim_id, coupon_id, discount_fen, at)
        VALUES (p_order, v_use.claim_id, v_use.coupon_id, v_use.fen, p_at)
        ON CONFLICT (first_of_id) WHERE returned_at IS NULL AND first_of_id IS NOT NULL DO NOTHING
        RETURNING id INTO v_id;
        IF v_id IS NULL THEN
            RAISE EXCEPTION 'the coupon cannot be used' USING ERRCODE = 'LJ002',
                DETAIL = json_build_array(v_use.number, 'not_new')::text;
        END IF;
        INSERT INTO coupons_couponshare (use_id, line, discount_fen, platform_fen, supplier_fen, store_fen)
        SELECT v_id, (s ->> 0)::smallint, (s ->> 1)::bigint, (s ->> 2)::bigint, (s ->> 3)::bigint, (s ->> 4)::bigint
        FROM json_array_elements(v_use.shares) AS s;
    END LOOP;
END $$;
"""

# In coupon order, so that orders never wait for each other in a circle.
COUNT = """
CREATE FUNCTION coupons_count(p_order text) RETURNS void
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_use record;
BEGIN
    FOR v_use IN
        SELECT u.coupon_id, u.discount_fen AS fen, claim.number
        FROM coupons_couponuse u JOIN coupons_couponclaim claim ON claim.id = u.claim_id
        WHERE u.order_number = p_order AND u.returned_at IS NULL
        ORDER BY u.coupon_id, u.id
    LOOP
        UPDATE coupons_coupon SET spent_fen = spent_fen + v_use.fen
        WHERE id = v_use.coupon_id AND state IN ('open', 'closed') AND spent_fen + v_use.fen <= budget_fen;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the coupon cannot be used' USING ERRCODE = 'LJ002',
                DETAIL = json_build_array(v_use.number, 'budget_spent')::text;
        END IF;
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("coupons", "0005_first_orders")]

    operations = [
        migrations.RunSQL(USE, _BEFORE),
        migrations.RunSQL(COUNT, "DROP FUNCTION coupons_count;"),
    ]
