"""What the database refuses of earning: from one's own purchase, another sum than promised, too early.

The promise is the order line's; commissions name it by number, so these guards stand up here, where
both are known.
"""

from django.db import migrations

# Nobody is paid for what she buys herself, neither as the store nor as its recruiter.
OWN = """
CREATE FUNCTION settlements_refuse_own() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added l
        CROSS JOIN LATERAL (VALUES (l.store_id, l.level1_fen), (l.referrer_store_id, l.level2_fen))
            AS v(store_id, fen)
        JOIN stores_store s ON s.id = v.store_id
        JOIN stores_distributor d ON d.id = s.distributor_id
        JOIN lifecycle_order o ON o.id = l.order_id AND o.user_id = d.user_id
        WHERE v.fen > 0
    ) THEN
        RAISE EXCEPTION 'a store earns nothing from what its owner buys'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlements_line_not_own';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER settlements_line_not_own AFTER INSERT ON lifecycle_orderline
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION settlements_refuse_own();
"""
UNOWN = """
DROP TRIGGER settlements_line_not_own ON lifecycle_orderline;
DROP FUNCTION settlements_refuse_own();
"""

PROMISED = """
CREATE FUNCTION settlements_refuse_unpromised() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added c
        JOIN lifecycle_order o ON o.number = c.order_number
        LEFT JOIN lifecycle_orderline l ON l.order_id = o.id AND l.line = c.line
        WHERE (c.store_id, c.rate_bp, c.amount_fen, c.base_fen) IS DISTINCT FROM (
            CASE c.level WHEN 1 THEN l.store_id ELSE l.referrer_store_id END,
            CASE c.level WHEN 1 THEN l.level1_bp ELSE l.level2_bp END,
            CASE c.level WHEN 1 THEN l.level1_fen ELSE l.level2_fen END,
            l.paid_fen)
    ) THEN
        RAISE EXCEPTION 'a commission is what its order line promised'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlements_commission_promised';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER settlements_commission_promised AFTER INSERT ON commissions_commission
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION settlements_refuse_unpromised();
"""
UNPROMISED = """
DROP TRIGGER settlements_commission_promised ON commissions_commission;
DROP FUNCTION settlements_refuse_unpromised();
"""

# Money of a line comes due when its return window has ended, never before.
DUE = """
CREATE FUNCTION settlements_refuse_early() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_early boolean;
BEGIN
    IF TG_TABLE_NAME = 'commissions_commission' THEN
        SELECT true INTO v_early
        FROM lifecycle_order o JOIN lifecycle_orderline l ON l.order_id = o.id AND l.line = NEW.line
        WHERE o.number = NEW.order_number AND (l.window_ends_at IS NULL OR l.window_ends_at > NEW.due_at);
    ELSE
        SELECT true INTO v_early
        FROM lifecycle_orderline l
        WHERE l.id = NEW.order_line_id AND (l.window_ends_at IS NULL OR l.window_ends_at > NEW.due_at);
    END IF;
    IF v_early THEN
        RAISE EXCEPTION 'money of a line is not due before its return window has ended'
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER settlements_commission_due BEFORE UPDATE OF due_at ON commissions_commission
    FOR EACH ROW WHEN (NEW.due_at IS NOT NULL AND NEW.due_at IS DISTINCT FROM OLD.due_at)
    EXECUTE FUNCTION settlements_refuse_early();
CREATE TRIGGER settlements_earning_due BEFORE UPDATE OF due_at ON settlements_earning
    FOR EACH ROW WHEN (NEW.due_at IS NOT NULL AND NEW.due_at IS DISTINCT FROM OLD.due_at)
    EXECUTE FUNCTION settlements_refuse_early();
"""
UNDUE = """
DROP TRIGGER settlements_commission_due ON commissions_commission;
DROP TRIGGER settlements_earning_due ON settlements_earning;
DROP FUNCTION settlements_refuse_early();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("settlements", "0002_guards"),
        ("lifecycle", "0002_guards"),
        ("commissions", "0002_guards"),
        ("stores", "0002_guards"),
    ]

    operations = [
        migrations.RunSQL(OWN, UNOWN),
        migrations.RunSQL(PROMISED, UNPROMISED),
        migrations.RunSQL(DUE, UNDUE),
    ]
