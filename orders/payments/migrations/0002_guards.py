"""What the database refuses: other lives, other amounts, and edits of what a gateway told us."""

from django.db import migrations

from shop.states.guards import guard_append_only, guard_states

# Numbers and amounts are fixed the moment they are written: the gateway knows them from then on.
FIXED = """
CREATE FUNCTION payments_guard_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.number, NEW.order_id, NEW.amount_fen)
            IS DISTINCT FROM (OLD.number, OLD.order_id, OLD.amount_fen) THEN
        RAISE EXCEPTION 'number, order and amount of % are fixed', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_payment_fixed BEFORE UPDATE OR DELETE ON payments_payment
    FOR EACH ROW EXECUTE FUNCTION payments_guard_fixed();
CREATE TRIGGER payments_refund_fixed BEFORE UPDATE OR DELETE ON payments_refund
    FOR EACH ROW EXECUTE FUNCTION payments_guard_fixed();
"""

UNFIXED = """
DROP TRIGGER payments_payment_fixed ON payments_payment;
DROP TRIGGER payments_refund_fixed ON payments_refund;
DROP FUNCTION payments_guard_fixed();
"""

# A notice stays as it came; only what it led to is written down, once, in the same transaction.
NOTICES = """
CREATE FUNCTION payments_guard_notice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.outcome <> ''
            OR to_jsonb(NEW) - 'outcome' IS DISTINCT FROM to_jsonb(OLD) - 'outcome' THEN
        RAISE EXCEPTION 'gateway notices are append-only' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_gatewaynotice_rows BEFORE UPDATE OR DELETE ON payments_gatewaynotice
    FOR EACH ROW EXECUTE FUNCTION payments_guard_notice();
CREATE TRIGGER payments_gatewaynotice_whole BEFORE TRUNCATE ON payments_gatewaynotice
    FOR EACH STATEMENT EXECUTE FUNCTION append_only_guard();
"""

UNNOTICES = """
DROP TRIGGER payments_gatewaynotice_rows ON payments_gatewaynotice;
DROP TRIGGER payments_gatewaynotice_whole ON payments_gatewaynotice;
DROP FUNCTION payments_guard_notice();
"""

VIEW = """
CREATE SCHEMA IF NOT EXISTS audit;
CREATE VIEW audit.notices AS
SELECT gateway, event_id, kind, number, state, amount_fen, outcome, received_at
FROM payments_gatewaynotice;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0001_initial"),
        ("states", "0002_guards"),
        ("ledger", "0002_guards"),
    ]

    operations = [
        guard_states(
            "payments_payment",
            {
                "started": ["succeeded", "failed", "expired"],
                "expired": ["succeeded"],
                "failed": ["succeeded"],
            },
        ),
        guard_states(
            "payments_refund",
            {
                "requested": ["sent", "succeeded", "failed"],
                "sent": ["succeeded", "failed"],
                "failed": ["sent", "succeeded"],
            },
        ),
        migrations.RunSQL(FIXED, UNFIXED),
        migrations.RunSQL(NOTICES, UNNOTICES),
        guard_append_only("payments_refundline"),
        migrations.RunSQL(VIEW, "DROP VIEW audit.notices;"),
    ]
