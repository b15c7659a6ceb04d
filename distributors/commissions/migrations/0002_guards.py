"""What the database refuses: editing a rule or a commission, forgetting a claw-back, other edges."""

from django.db import migrations

from shop.states.guards import guard_append_only, guard_states

RULES = """
CREATE FUNCTION commissions_guard_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
       AND to_jsonb(NEW) - 'effective_until' = to_jsonb(OLD) - 'effective_until'
       AND NEW.effective_until IS NOT NULL
       AND (OLD.effective_until IS NULL OR NEW.effective_until <= OLD.effective_until) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a commission rule is never edited: supersede it'
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER commissions_rule_kept BEFORE UPDATE OR DELETE ON commissions_commissionrule
    FOR EACH ROW EXECUTE FUNCTION commissions_guard_rule();
"""

UNRULES = """
DROP TRIGGER commissions_rule_kept ON commissions_commissionrule;
DROP FUNCTION commissions_guard_rule();
"""

# What was agreed never changes, and what was clawed back never comes back.
FACTS = """
CREATE FUNCTION commissions_guard_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
       AND (NEW.order_number, NEW.line, NEW.level, NEW.store_id, NEW.base_fen, NEW.rate_bp,
            NEW.amount_fen, NEW.rule_number, NEW.accrued_at)
         = (OLD.order_number, OLD.line, OLD.level, OLD.store_id, OLD.base_fen, OLD.rate_bp,
            OLD.amount_fen, OLD.rule_number, OLD.accrued_at)
       AND NEW.clawed_back_fen >= OLD.clawed_back_fen THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a commission keeps what was agreed'
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER commissions_commission_facts BEFORE UPDATE OR DELETE ON commissions_commission
    FOR EACH ROW EXECUTE FUNCTION commissions_guard_facts();
"""

UNFACTS = """
DROP TRIGGER commissions_commission_facts ON commissions_commission;
DROP FUNCTION commissions_guard_facts();
"""

AUDIT = """
CREATE VIEW audit.commissions AS
SELECT c.order_number, c.line, c.level, s.code AS store, c.base_fen, c.rate_bp, c.amount_fen,
       c.clawed_back_fen, c.state
FROM commissions_commission c JOIN stores_store s ON s.id = c.store_id;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("commissions", "0001_initial"),
        ("states", "0002_guards"),
        ("ledger", "0002_guards"),
    ]

    operations = [
        guard_states(
            "commissions_commission",
            {
                "frozen": ("settled", "held", "clawed_back"),
                "held": ("frozen", "clawed_back"),
                "settled": ("clawed_back",),
                "clawed_back": (),
            },
        ),
        migrations.RunSQL(RULES, UNRULES),
        migrations.RunSQL(FACTS, UNFACTS),
        guard_append_only("commissions_clawback"),
        migrations.RunSQL(
            "COMMENT ON TABLE commissions_clawback IS 'append-only: one row per refund';",
            "COMMENT ON TABLE commissions_clawback IS NULL;",
        ),
        migrations.RunSQL(AUDIT, "DROP VIEW audit.commissions;"),
    ]
