"""What the database refuses of withdrawals: other edges, another payee, another amount."""

from django.db import migrations

from shop.states.guards import guard_states

FACTS = """
CREATE FUNCTION payouts_guard_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
       AND (NEW.number, NEW.store_id, NEW.amount_fen, NEW.tax_fen, NEW.openid, NEW.real_name,
            NEW.gateway, NEW.requested_at)
         = (OLD.number, OLD.store_id, OLD.amount_fen, OLD.tax_fen, OLD.openid, OLD.real_name,
            OLD.gateway, OLD.requested_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a withdrawal keeps its number, amount and payee'
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER payouts_withdrawal_facts BEFORE UPDATE OR DELETE ON payouts_withdrawal
    FOR EACH ROW EXECUTE FUNCTION payouts_guard_facts();
"""

UNFACTS = """
DROP TRIGGER payouts_withdrawal_facts ON payouts_withdrawal;
DROP FUNCTION payouts_guard_facts();
"""

# No name and no openid: whoever may see them asks the staff's page, which notes it.
AUDIT = """
CREATE VIEW audit.withdrawals AS
SELECT w.number, s.code AS store, w.state, w.amount_fen, w.tax_fen, w.gateway, w.bill_id,
       w.requested_at, w.reviewed_by, w.reviewed_at, w.sent_at, w.finished_at, w.fail_reason
FROM payouts_withdrawal w JOIN stores_store s ON s.id = w.store_id;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0001_initial"),
        ("states", "0002_guards"),
        ("ledger", "0002_guards"),
    ]

    operations = [
        guard_states(
            "payouts_withdrawal",
            {
                "requested": ("approved", "rejected", "cancelled"),
                "approved": ("sending", "rejected", "cancelled"),
                "sending": ("waiting_user", "unknown", "paid", "failed"),
                "unknown": ("waiting_user", "sending", "paid", "failed"),
                "waiting_user": ("paid", "failed"),
                "paid": (),
                "failed": (),
                "rejected": (),
                "cancelled": (),
            },
        ),
        migrations.RunSQL(FACTS, UNFACTS),
        migrations.RunSQL(AUDIT, "DROP VIEW audit.withdrawals;"),
    ]
