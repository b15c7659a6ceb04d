"""``links_credit_facts`` again: an order reads the buyer's own openings, not everybody's of the last month."""

from importlib import import_module

from django.db import migrations

CREDIT_FACTS = """
CREATE OR REPLACE FUNCTION links_credit_facts(
    p_user bigint, p_visitor text, p_products bigint[], p_stores bigint[],
    p_since timestamptz, p_now timestamptz, p_most integer
) RETURNS json LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_owner bigint;
    v_visitor bigint;
    v_own_visitor text := nullif(p_visitor, '');
    v_hers text[];
    v_touches json;
    v_bonds json;
    v_stores bigint[];
    v_more bigint[];
    v_kin bigint[];
BEGIN
    SELECT id, user_id INTO v_visitor, v_owner FROM links_visitor WHERE key_hash = v_own_visitor;
    v_hers := ARRAY(SELECT key_hash FROM links_visitor WHERE user_id = p_user);
    IF v_owner IS NOT NULL THEN
        v_own_visitor := NULL;
    END IF;

    -- Visitor by visitor, and by nothing else: asked for all at once, the planner reads everybody's openings of the
    -- window. Found first and then put in order, for the same reason.
    WITH found AS MATERIALIZED (
        SELECT o.* FROM unnest(v_own_visitor || v_hers) AS h(visitor_hash)
        CROSS JOIN LATERAL (SELECT * FROM links_touch t WHERE t.visitor_hash = h.visitor_hash
            AND t.at > p_since AND t.at <= p_now OFFSET 0) o
        WHERE (o.visitor_hash IS DISTINCT FROM v_own_visitor OR o.user_id IS NULL OR o.user_id = p_user)
          AND (o.product_id IS NULL OR o.product_id = ANY(p_products))
        UNION ALL
        SELECT o.* FROM links_touch o
        WHERE o.user_id = p_user AND coalesce(o.visitor_hash <> ALL(v_own_visitor || v_hers), true)
          AND o.at > p_since AND o.at <= p_now AND (o.product_id IS NULL OR o.product_id = ANY(p_products))
    ), newest AS (
        SELECT * FROM found ORDER BY at DESC, number DESC LIMIT p_most
    )
    SELECT json_agg(json_build_array(t.number, t.at, t.token, t.store_id, s.code, t.product_id, t.channel)
                    ORDER BY t.at DESC, t.number DESC),
        array_agg(t.store_id)
    INTO v_touches, v_stores
    FROM newest t JOIN stores_store s ON s.id = t.store_id;

    SELECT json_agg(json_build_array(b.user_id, b.store_id, b.started_at, b.protected_until, b.valid_until,
                                     b.reason, b.touch_number)),
        array_agg(b.store_id)
    INTO v_bonds, v_more
    FROM (
        SELECT m.* FROM links_bond m WHERE m.user_id = p_user AND m.ended_at IS NULL
        UNION ALL
        SELECT w.* FROM links_bond w
        WHERE v_owner IS NULL AND w.visitor_id = v_visitor AND w.user_id IS NULL AND w.ended_at IS NULL
    ) b;
    v_stores := p_stores || v_stores || v_more || ARRAY(
        SELECT s.id FROM stores_distributor d JOIN stores_store s ON s.distributor_id = d.id
        WHERE d.user_id = p_user AND d.approved_at IS NOT NULL);
    IF cardinality(v_stores) = 0 THEN
        RETURN json_build_array(v_owner, v_touches, v_bonds, '[]'::json);
    END IF;

    v_kin := p_user || ARRAY(
        SELECT other.user_id
        FROM accounts_wechatidentity mine
        JOIN accounts_wechatidentity other ON other.openid = mine.openid
        WHERE mine.user_id = p_user
        UNION
        SELECT other.user_id
        FROM accounts_wechatidentity mine
        JOIN accounts_wechatidentity other ON other.unionid = mine.unionid
        WHERE mine.user_id = p_user AND mine.unionid <> '');
    RETURN json_build_array(v_owner, v_touches, v_bonds, (
        SELECT coalesce(json_agg(json_build_array(s.id, s.code, d.state = 'active', d.user_id,
                                                  d.user_id = ANY(v_kin), d.grade, rs.id, rs.code)), '[]')
        FROM stores_store s
        JOIN stores_distributor d ON d.id = s.distributor_id
        LEFT JOIN referrals_referral r ON r.distributor_id = d.id
        LEFT JOIN stores_distributor rd ON rd.id = r.referrer_id AND rd.state = 'active'
            AND rd.user_id <> ALL(v_kin)
        LEFT JOIN stores_store rs ON rs.distributor_id = rd.id
        WHERE s.id = ANY(v_stores)
    ));
END $$;
"""


BEFORE = import_module("distributors.links.migrations.0004_credit_facts").CREDIT_FACTS


class Migration(migrations.Migration):
    dependencies = [("links", "0004_credit_facts")]

    operations = [migrations.RunSQL(CREDIT_FACTS, BEFORE)]
