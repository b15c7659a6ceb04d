"""``links_credit_facts``: all that decides whose sale an order is, in one call."""

from django.db import migrations

# The answer is an array: the account this visitor turned out to be (or null), the openings, the bonds, the
# stores. Openings by this visitor (unless the visitor turned out to be somebody else), by this account, and
# by every visitor that turned out to be this account. Stores are those of the openings, of the bonds, those
# asked for by id, and the buyer's own: open or not, whose, and who would earn level 2. ``kin`` are all
# accounts of the buyer's person: they share a verified openid or unionid with hers.
#
# Every source is looked up by its own index and then put together: an OR over two tables would read them whole.
CREDIT_FACTS = """
CREATE FUNCTION links_credit_facts(
    p_user bigint, p_visitor text, p_products bigint[], p_stores bigint[],
    p_since timestamptz, p_now timestamptz, p_most integer
) RETURNS json LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_owner bigint;
    v_own_visitor text := nullif(p_visitor, '');
    v_touches json;
    v_bonds json;
    v_stores bigint[];
    v_more bigint[];
    v_kin bigint[];
BEGIN
    SELECT user_id INTO v_owner FROM links_visitor WHERE key_hash = v_own_visitor;
    IF v_owner <> p_user THEN
        v_own_visitor := NULL;
    END IF;

    SELECT json_agg(json_build_array(t.number, t.at, t.token, t.store_id, s.code, t.product_id, t.channel)
                    ORDER BY t.at DESC, t.number DESC),
        array_agg(t.store_id)
    INTO v_touches, v_stores
    FROM (
        SELECT * FROM (
            (SELECT o.* FROM links_touch o
             WHERE o.visitor_hash = v_own_visitor AND (o.user_id IS NULL OR o.user_id = p_user)
               AND o.at > p_since AND o.at <= p_now AND (o.product_id IS NULL OR o.product_id = ANY(p_products))
             ORDER BY o.at DESC, o.number DESC LIMIT p_most)
            UNION
            (SELECT o.* FROM links_touch o
             WHERE o.user_id = p_user
               AND o.at > p_since AND o.at <= p_now AND (o.product_id IS NULL OR o.product_id = ANY(p_products))
             ORDER BY o.at DESC, o.number DESC LIMIT p_most)
            UNION
            (SELECT o.* FROM links_touch o
             WHERE o.visitor_hash = ANY(ARRAY(SELECT v.key_hash FROM links_visitor v WHERE v.user_id = p_user))
               AND o.at > p_since AND o.at <= p_now AND (o.product_id IS NULL OR o.product_id = ANY(p_products))
             ORDER BY o.at DESC, o.number DESC LIMIT p_most)
        ) found
        ORDER BY at DESC, number DESC LIMIT p_most
    ) t
    JOIN stores_store s ON s.id = t.store_id;

    SELECT json_agg(json_build_array(b.user_id, b.store_id, b.started_at, b.protected_until, b.valid_until,
                                     b.reason, b.touch_number)),
        array_agg(b.store_id)
    INTO v_bonds, v_more
    FROM (
        SELECT m.* FROM links_bond m WHERE m.user_id = p_user AND m.ended_at IS NULL
        UNION ALL
        SELECT w.* FROM links_bond w JOIN links_visitor v ON v.id = w.visitor_id
        WHERE v.key_hash = nullif(p_visitor, '') AND v.user_id IS NULL AND w.user_id IS NULL AND w.ended_at IS NULL
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


class Migration(migrations.Migration):
    dependencies = [
        ("links", "0002_touches"),
        ("stores", "0001_initial"),
        ("referrals", "0001_initial"),
        ("accounts", "0001_initial"),
    ]

    operations = [migrations.RunSQL(CREDIT_FACTS, "DROP FUNCTION links_credit_facts;")]
