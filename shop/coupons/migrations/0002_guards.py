"""What the database refuses of coupons, and the two calls of the order path: ``coupons_pieces``, ``coupons_use``."""

from django.db import migrations

from shop.states.guards import guard_append_only, guard_states

COUPON_EDGES = {
    "draft": ["open", "closed"],
    "open": ["paused", "closed"],
    "paused": ["open", "closed"],
    "closed": [],
}
CLAIM_EDGES = {
    "claimed": ["used", "expired"],
    "used": ["returned"],
    "returned": ["used", "expired"],
    "expired": [],
}

# What people were promised. Budget, pieces and the time to claim may grow.
TERMS = (
    *("code", "supplier_id", "kind", "amount_fen", "percent_bp", "ceiling_fen", "min_fen", "scope", "scope_keys"),
    *("use_from", "use_until", "use_days", "stacking_group", "platform_bp", "supplier_bp", "store_bp"),
    *("by_code_only", "for_distributors"),
)
_CHANGED = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in TERMS)

GUARDS = f"""
CREATE FUNCTION coupons_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% keeps what was promised', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER coupons_coupon_terms BEFORE UPDATE OF {", ".join(TERMS)} ON coupons_coupon
    FOR EACH ROW WHEN (OLD.state <> 'draft' AND ({_CHANGED})) EXECUTE FUNCTION coupons_refuse();
CREATE TRIGGER coupons_coupon_kept BEFORE DELETE ON coupons_coupon
    FOR EACH ROW WHEN (OLD.state <> 'draft') EXECUTE FUNCTION coupons_refuse();
CREATE TRIGGER coupons_couponclaim_fixed BEFORE UPDATE OF number, coupon_id, user_id, turn, code, claimed_at
    ON coupons_couponclaim FOR EACH ROW
    WHEN ((OLD.number, OLD.coupon_id, OLD.user_id, OLD.turn, OLD.code, OLD.claimed_at)
        IS DISTINCT FROM (NEW.number, NEW.coupon_id, NEW.user_id, NEW.turn, NEW.code, NEW.claimed_at))
    EXECUTE FUNCTION coupons_refuse();
CREATE TRIGGER coupons_couponclaim_kept BEFORE DELETE ON coupons_couponclaim
    FOR EACH ROW EXECUTE FUNCTION coupons_refuse();
CREATE TRIGGER coupons_couponuse_fixed BEFORE UPDATE ON coupons_couponuse FOR EACH ROW
    WHEN (OLD.returned_at IS NOT NULL OR (OLD.order_number, OLD.claim_id, OLD.coupon_id, OLD.discount_fen, OLD.at)
        IS DISTINCT FROM (NEW.order_number, NEW.claim_id, NEW.coupon_id, NEW.discount_fen, NEW.at))
    EXECUTE FUNCTION coupons_refuse();
CREATE TRIGGER coupons_couponuse_kept BEFORE DELETE ON coupons_couponuse
    FOR EACH ROW EXECUTE FUNCTION coupons_refuse();

CREATE FUNCTION coupons_limit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.turn > (SELECT per_person_max FROM coupons_coupon WHERE id = NEW.coupon_id) THEN
        RAISE EXCEPTION 'nobody holds more pieces of a coupon than its limit'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'coupons_per_person';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER coupons_per_person BEFORE INSERT ON coupons_couponclaim
    FOR EACH ROW EXECUTE FUNCTION coupons_limit_guard();

-- Deferred to the commit: a use and its shares are written one after the other.
CREATE FUNCTION coupons_sums_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_use bigint := CASE WHEN TG_TABLE_NAME = 'coupons_couponuse' THEN (to_jsonb(NEW) ->> 'id')::bigint
        ELSE (to_jsonb(NEW) ->> 'use_id')::bigint END;
BEGIN
    IF EXISTS (
        SELECT FROM coupons_couponuse u
        WHERE u.id = v_use AND u.discount_fen IS DISTINCT FROM
            (SELECT sum(s.discount_fen) FROM coupons_couponshare s WHERE s.use_id = u.id)
    ) THEN
        RAISE EXCEPTION 'the lines'' shares are not the discount of the coupon'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'coupons_use_sums';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER coupons_use_sums AFTER INSERT ON coupons_couponuse
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION coupons_sums_guard();
CREATE CONSTRAINT TRIGGER coupons_share_sums AFTER INSERT ON coupons_couponshare
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION coupons_sums_guard();
"""
UNGUARD = """
DROP FUNCTION coupons_sums_guard() CASCADE;
DROP FUNCTION coupons_limit_guard() CASCADE;
DROP FUNCTION coupons_refuse() CASCADE;
"""

# What a person could pay with, in the order of shop/coupons/rules.py's ``Piece``. Also pieces that cannot be used
# just now, so that she can be told why. The fifty that end first are enough to look at.
PIECES = """
CREATE FUNCTION coupons_pieces(p_user bigint, p_now timestamptz) RETURNS json
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN (
        SELECT json_agg(json_build_array(
            p.number, c.id, c.code, c.name, c.kind, c.amount_fen, c.percent_bp, c.ceiling_fen, c.min_fen,
            c.scope, c.scope_keys, coalesce(s.code, ''), c.stacking_group, c.platform_bp, c.supplier_bp,
            c.store_bp, c.budget_fen - c.spent_fen, c.state, p.use_from, p.use_until, p.code))
        FROM (
            SELECT * FROM coupons_couponclaim claim
            WHERE claim.user_id = p_user AND claim.state IN ('claimed', 'returned') AND claim.use_until > p_now
            ORDER BY claim.use_until, claim.id LIMIT 50
        ) p
        JOIN coupons_coupon c ON c.id = p.coupon_id
        LEFT JOIN suppliers_supplier s ON s.id = c.supplier_id
    );
END $$;
"""

# ``p_uses``: [piece, discount_fen, [[line, discount, platform, supplier, store], …]], …. The counters come first
# and in coupon order, so that orders never wait for each other in a circle. LJ002 names the piece that cannot be
# used any more, and what is in the way: its budget, or the piece itself.
USE = """
CREATE FUNCTION coupons_use(p_order text, p_user bigint, p_uses json, p_at timestamptz) RETURNS void
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
        UPDATE coupons_coupon SET spent_fen = spent_fen + v_use.fen
        WHERE id = v_use.coupon_id AND state IN ('open', 'closed') AND spent_fen + v_use.fen <= budget_fen;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the coupon cannot be used' USING ERRCODE = 'LJ002',
                DETAIL = json_build_array(v_use.number, 'budget_spent')::text;
        END IF;
        SELECT state INTO v_source FROM coupons_couponclaim WHERE id = v_use.claim_id FOR NO KEY UPDATE;
        UPDATE coupons_couponclaim SET state = 'used', order_number = p_order
        WHERE id = v_use.claim_id AND state IN ('claimed', 'returned') AND use_from <= p_at AND use_until > p_at;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the coupon cannot be used' USING ERRCODE = 'LJ002',
                DETAIL = json_build_array(v_use.number, 'used')::text;
        END IF;
        INSERT INTO states_statechange (subject, source, target, actor, reason, at)
        VALUES ('couponclaim:' || v_use.number, v_source, 'used', 'system', p_order, p_at);
        INSERT INTO coupons_couponuse (order_number, claim_id, coupon_id, discount_fen, at)
        VALUES (p_order, v_use.claim_id, v_use.coupon_id, v_use.fen, p_at) RETURNING id INTO v_id;
        INSERT INTO coupons_couponshare (use_id, line, discount_fen, platform_fen, supplier_fen, store_fen)
        SELECT v_id, (s ->> 0)::smallint, (s ->> 1)::bigint, (s ->> 2)::bigint, (s ->> 3)::bigint, (s ->> 4)::bigint
        FROM json_array_elements(v_use.shares) AS s;
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("coupons", "0001_initial"), ("states", "0002_guards"), ("suppliers", "0001_initial")]

    operations = [
        guard_states("coupons_coupon", COUPON_EDGES),
        guard_states("coupons_couponclaim", CLAIM_EDGES),
        guard_append_only("coupons_couponshare"),
        migrations.RunSQL(GUARDS, UNGUARD),
        migrations.RunSQL(PIECES, "DROP FUNCTION coupons_pieces;"),
        migrations.RunSQL(USE, "DROP FUNCTION coupons_use;"),
    ]
