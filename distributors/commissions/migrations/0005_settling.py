"""``commissions_settle``: a batch of due commissions settled where it lies, told per person."""

from django.db import migrations

# Claims what is due (rows that another worker or a refund holds are skipped and come next time), settles it, notes
# the history, and posts a journal each: frozen to debt first, then available. The contents are hashed as
# ``post_many`` does it, to which tests/distributors/test_settling.py holds it.
SETTLE = r"""
CREATE FUNCTION commissions_settle(p_now timestamptz, p_limit integer)
RETURNS TABLE (user_id bigint, settled bigint, earned_fen bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_orders text[];
    v_keys text[];
    v_stores integer[];
    v_amounts bigint[];
    v_contents text[];
    v_codes text[];
    v_people bigint[];
    v_count integer;
    v_outcome record;
BEGIN
    WITH due AS (
        SELECT c.id FROM commissions_commission c
        WHERE c.state = 'frozen' AND c.due_at <= p_now
        ORDER BY c.due_at, c.id LIMIT p_limit
        FOR NO KEY UPDATE SKIP LOCKED
    ), settled AS (
        UPDATE commissions_commission c SET state = 'settled', settled_at = p_now
        FROM due WHERE c.id = due.id
        RETURNING c.id, c.order_number, c.line, c.level, c.store_id, c.amount_fen - c.clawed_back_fen AS left_fen
    ), history AS (
        INSERT INTO states_statechange (subject, source, target, actor, reason, at)
        SELECT 'commission:' || s.id, 'frozen', 'settled', 'system', '', p_now FROM settled s
    ), places AS (
        SELECT st.id, st.code, d.user_id, row_number() OVER (ORDER BY st.id) AS place
        FROM stores_store st JOIN stores_distributor d ON d.id = st.distributor_id
        WHERE st.id IN (SELECT s.store_id FROM settled s)
    ), rows AS (
        SELECT s.id, s.order_number, s.left_fen, p.place, p.code,
            'commission_settled:' || s.order_number || ':' || s.line || ':' || s.level AS key
        FROM settled s JOIN places p ON p.id = s.store_id
    )
    SELECT array_agg(r.order_number ORDER BY r.id), array_agg(r.key ORDER BY r.id), array_agg(r.place ORDER BY r.id),
        array_agg(r.left_fen ORDER BY r.id),
        array_agg(left(encode(sha256(convert_to(concat_ws(E'\x1f', 'commission_settled', r.order_number, 'None',
            'store/' || r.code || '/frozen', 'store/' || r.code || '/available', r.left_fen, '',
            'store/' || r.code || '/debt'), 'UTF8')), 'hex'), 32) ORDER BY r.id),
        (SELECT array_agg(p.code ORDER BY p.place) FROM places p),
        (SELECT array_agg(p.user_id ORDER BY p.place) FROM places p)
    INTO v_orders, v_keys, v_stores, v_amounts, v_contents, v_codes, v_people
    FROM rows r;
    v_count := coalesce(cardinality(v_keys), 0);
    IF v_count = 0 THEN
        RETURN;
    END IF;

    -- Each store's frozen, available and debt account, in this order, stand one after the other.
    SELECT * INTO v_outcome FROM ledger_post(
        p_now,
        (SELECT array_agg('store/' || s.code || '/' || a.name ORDER BY s.n, a.n)
         FROM unnest(v_codes) WITH ORDINALITY AS s(code, n),
              unnest(ARRAY['frozen', 'available', 'debt']) WITH ORDINALITY AS a(name, n)),
        (SELECT array_agg(a.kind ORDER BY s.n, a.n)
         FROM unnest(v_codes) WITH ORDINALITY AS s(code, n),
              unnest(ARRAY['liability', 'liability', 'asset']) WITH ORDINALITY AS a(kind, n)),
        (SELECT array_agg(a.guarded ORDER BY s.n, a.n)
         FROM unnest(v_codes) WITH ORDINALITY AS s(code, n),
              unnest(ARRAY[false, true, true]) WITH ORDINALITY AS a(guarded, n)),
        array_fill('commission_settled'::text, ARRAY[v_count]), v_orders, v_keys, v_contents,
        array_fill(0::bigint, ARRAY[v_count]),
        (SELECT array_agg(n ORDER BY n) FROM generate_series(1, v_count) n),
        (SELECT array_agg(s.place * 3 - 2 ORDER BY s.n) FROM unnest(v_stores) WITH ORDINALITY AS s(place, n)),
        (SELECT array_agg(s.place * 3 - 1 ORDER BY s.n) FROM unnest(v_stores) WITH ORDINALITY AS s(place, n)),
        v_amounts,
        array_fill(0, ARRAY[v_count]),
        (SELECT array_agg(s.place * 3 ORDER BY s.n) FROM unnest(v_stores) WITH ORDINALITY AS s(place, n))
    );
    IF v_outcome.outcome <> 'posted' THEN
        RAISE EXCEPTION 'commissions cannot be settled: % %', v_outcome.outcome, v_outcome.subject
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN QUERY
        SELECT v_people[s.place], count(*), sum(s.left_fen)::bigint
        FROM unnest(v_stores, v_amounts) AS s(place, left_fen)
        GROUP BY v_people[s.place]
        ORDER BY v_people[s.place];
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("commissions", "0004_index"),
        ("ledger", "0007_no_debt"),
        ("states", "0002_guards"),
        ("stores", "0001_initial"),
    ]

    operations = [migrations.RunSQL(SETTLE, "DROP FUNCTION commissions_settle;")]
