"""A gateway's word: ``payments_facts`` reads what it is judged by, the others write what comes of it."""

from django.db import migrations

# What was told under this event before; the payment it names; the payment that has this transaction; the order, which
# waits or does not. STABLE: all of it is seen in one moment, and nothing is locked. An event that is known needs
# nothing else. Text, because the caller reads JSON faster than the driver does.
FACTS = """
CREATE FUNCTION payments_facts(p_gateway text, p_number text, p_transaction text, p_event text) RETURNS text
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_told json;
    v_payment json;
    v_order bigint;
    v_known json;
BEGIN
    IF p_event <> '' THEN
        SELECT json_build_array(n.kind, n.number, n.state, n.amount_fen, n.outcome) INTO v_told
        FROM payments_gatewaynotice n WHERE n.gateway = p_gateway AND n.event_id = p_event;
        IF FOUND THEN
            RETURN json_build_array(v_told, NULL, NULL, NULL)::text;
        END IF;
    END IF;
    SELECT json_build_array(p.id, p.number, p.amount_fen, p.state, p.transaction_id, p.app_id, p.payer_openid), p.order_id
    INTO v_payment, v_order
    FROM payments_payment p WHERE p.number = p_number AND p.gateway = p_gateway;
    IF p_transaction <> '' THEN
        SELECT json_build_array(k.id, k.gateway_number) INTO v_known
        FROM payments_payment k
        WHERE k.gateway = p_gateway AND k.transaction_id = p_transaction AND k.transaction_id <> '';
    END IF;
    RETURN json_build_array(
        NULL, v_payment, v_known, CASE WHEN v_order IS NOT NULL THEN lifecycle_sold(v_order) END)::text;
END $$;
"""

# NULL when this event is stored already. A rival with the same event waits here until the other's transaction has
# ended, and goes on only if that one left nothing.
KEEP = """
CREATE FUNCTION payments_keep_notice(
    p_gateway text, p_event text, p_kind text, p_number text, p_state text, p_amount_fen bigint, p_raw jsonb,
    p_outcome text, p_at timestamptz
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_id bigint;
BEGIN
    INSERT INTO payments_gatewaynotice (gateway, event_id, kind, number, state, amount_fen, raw, received_at, outcome)
    VALUES (p_gateway, p_event, p_kind, p_number, p_state, p_amount_fen, p_raw, p_at, p_outcome)
    ON CONFLICT (gateway, event_id) DO NOTHING
    RETURNING id INTO v_id;
    RETURN v_id;
END $$;
"""

# False when it succeeded before. Nobody asks about it any more.
SUCCEED = """
CREATE FUNCTION payments_succeed(
    p_payment bigint, p_transaction text, p_payer text, p_is_applied boolean, p_paid_at timestamptz, p_at timestamptz
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_number text;
    v_source text;
BEGIN
    SELECT number, state INTO v_number, v_source FROM payments_payment
    WHERE id = p_payment AND state <> 'succeeded' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE payments_payment
    SET state = 'succeeded', transaction_id = p_transaction, is_applied = p_is_applied, succeeded_at = p_paid_at,
        payer_openid = CASE WHEN p_payer <> '' THEN p_payer ELSE payer_openid END
    WHERE id = p_payment;
    INSERT INTO states_statechange (subject, source, target, actor, reason, at)
    VALUES ('payment:' || v_number, v_source, 'succeeded', 'system', '', p_at);
    PERFORM work_forget(ARRAY['payment.query'], ARRAY[v_number]);
    RETURN true;
END $$;
"""

# Open payments of an order expire, and are due to be closed at the gateway. Returns how many; the caller holds the
# order's lock.
GIVE_UP = """
CREATE FUNCTION payments_give_up(p_order bigint, p_reason text, p_at timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    v_numbers text[];
BEGIN
    WITH waiting AS (
        SELECT id FROM payments_payment
        WHERE order_id = p_order AND state = 'started' ORDER BY id FOR NO KEY UPDATE
    ), moved AS (
        UPDATE payments_payment p SET state = 'expired'
        FROM waiting WHERE p.id = waiting.id AND p.state = 'started'
        RETURNING p.id, p.number
    ), noted AS (
        INSERT INTO states_statechange (subject, source, target, actor, reason, at)
        SELECT 'payment:' || number, 'started', 'expired', 'system', p_reason, p_at FROM moved ORDER BY id
    )
    SELECT array_agg(number ORDER BY id) INTO v_numbers FROM moved;
    IF v_numbers IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM work_forget(array_fill('payment.query'::text, ARRAY[cardinality(v_numbers)]), v_numbers);
    PERFORM work_remember('payment.close', n.number, p_at) FROM unnest(v_numbers) AS n(number);
    RETURN cardinality(v_numbers);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0005_apps_of_payers"),
        ("lifecycle", "0007_paid"),
        ("states", "0002_guards"),
        ("work", "0007_forget"),
    ]

    operations = [
        migrations.RunSQL(FACTS, "DROP FUNCTION payments_facts;"),
        migrations.RunSQL(KEEP, "DROP FUNCTION payments_keep_notice;"),
        migrations.RunSQL(SUCCEED, "DROP FUNCTION payments_succeed;"),
        migrations.RunSQL(GIVE_UP, "DROP FUNCTION payments_give_up;"),
    ]
