"""``flow_pay``: an order is paid, with everything that follows from it, in one statement.

What follows is decided in ``orders/flow/paid.py``; here the apps below write it down, in the order their locks are
taken (docs/locking.md).
"""

from django.db import migrations

# The notice first, if there is one: a rival with the same event waits for it. Then the order, whose row is the lock of
# all the rest; then what hangs on it; then the stock's rows; the accounts last. Whatever was decided on an order that
# does not wait any more is not written: LJ004 (this event was taken in meanwhile) and LJ005 (the order or the payment
# went on meanwhile) undo it all, as do LJ001 (no goods) and LJ006 (the books refuse; DETAIL says why).
# Returns how many other payments were given up.
PAY = """
CREATE FUNCTION flow_pay(
    p_gateway text, p_event text, p_number text, p_said text, p_said_fen bigint, p_raw jsonb,
    p_order bigint, p_order_number text, p_paid_fen bigint,
    p_payment bigint, p_transaction text, p_payer text, p_paid_at timestamptz,
    p_earnings json, p_shares json, p_messages json, p_skus bigint[], p_quantities bigint[], p_at timestamptz,
    p_paths text[], p_account_kinds text[], p_guarded boolean[],
    p_kinds text[], p_references text[], p_keys text[], p_contents text[], p_reverses bigint[],
    p_journals integer[], p_debits integer[], p_credits integer[], p_amounts bigint[],
    p_rests integer[], p_firsts integer[]
) RETURNS integer LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_notice bigint;
    v_others integer;
    v_books record;
BEGIN
    IF p_event <> '' THEN
        v_notice := payments_keep_notice(
            p_gateway, p_event, 'payment', p_number, p_said, p_said_fen, p_raw, '', p_at);
        IF v_notice IS NULL THEN
            RAISE EXCEPTION 'this event was taken in meanwhile' USING ERRCODE = 'LJ004';
        END IF;
    END IF;
    IF NOT lifecycle_mark_paid(p_order, p_paid_fen, 'system', p_at)
       OR NOT payments_succeed(p_payment, p_transaction, p_payer, true, p_paid_at, p_at) THEN
        RAISE EXCEPTION 'the order does not wait for this payment any more' USING ERRCODE = 'LJ005';
    END IF;
    -- Said under the order's lock: of all events about one payment the index lets one be applied, and whoever waits
    -- for the order must not be waited for there.
    UPDATE payments_gatewaynotice SET outcome = 'applied' WHERE id = v_notice;
    v_others := payments_give_up(p_order, 'the order was paid another way', p_at);
    PERFORM work_forget(ARRAY['order.expire'], ARRAY[p_order_number]);
    PERFORM settlements_accrue(p_order, p_earnings, p_at);
    PERFORM commissions_accrue(p_order_number, p_shares, p_at);
    PERFORM notifications_tell(p_messages, p_at);
    PERFORM stock_sell(p_order_number, p_skus, p_quantities, p_at);
    SELECT * INTO v_books FROM ledger_post(
        p_at, p_paths, p_account_kinds, p_guarded, p_kinds, p_references, p_keys, p_contents, p_reverses,
        p_journals, p_debits, p_credits, p_amounts, p_rests, p_firsts);
    IF v_books.outcome <> 'posted' THEN
        RAISE EXCEPTION 'the books refuse the payment' USING ERRCODE = 'LJ006',
            DETAIL = json_build_array(v_books.outcome, v_books.subject, v_books.shortfall_fen)::text;
    END IF;
    RETURN v_others;
END $$;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("payments", "0006_taking"),
        ("lifecycle", "0007_paid"),
        ("settlements", "0004_accrue"),
        ("commissions", "0006_accrue"),
        ("notifications", "0002_tell"),
        ("stock", "0004_sell"),
        ("work", "0007_forget"),
        ("ledger", "0007_no_debt"),
    ]

    operations = [migrations.RunSQL(PAY, "DROP FUNCTION flow_pay;")]
