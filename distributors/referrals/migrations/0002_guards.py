"""The database refuses loops, also of binds at the same time, and any change of a bind."""

from django.db import migrations

from shop.states.guards import guard_append_only

# Binding D under R joins two trees, and D is the root of its own, for it was never bound. So it makes
# a loop only when R's root is D. Both roots are locked, in id order, before the answer is believed:
# a root can be bound to nobody else while it is locked, so the path from R to its root stands still.
# Whoever waited looks again, for the root may have been bound meanwhile.
NO_LOOP = """
CREATE FUNCTION referrals_root(p_distributor bigint) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    WITH RECURSIVE up(id, depth) AS (
        SELECT p_distributor, 0
        UNION ALL
        SELECT r.referrer_id, up.depth + 1
        FROM up JOIN referrals_referral r ON r.distributor_id = up.id
    )
    CYCLE id SET looped USING path
    SELECT id FROM up ORDER BY depth DESC LIMIT 1
$$;
CREATE FUNCTION referrals_refuse_loop() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_root bigint;
    v_again bigint;
BEGIN
    v_root := referrals_root(NEW.referrer_id);
    LOOP
        PERFORM FROM stores_distributor WHERE id IN (NEW.distributor_id, v_root)
        ORDER BY id FOR NO KEY UPDATE;
        v_again := referrals_root(NEW.referrer_id);
        EXIT WHEN v_again = v_root;
        v_root := v_again;
    END LOOP;
    IF v_root = NEW.distributor_id OR NEW.referrer_id = NEW.distributor_id THEN
        RAISE EXCEPTION 'this referral would close a loop'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'referrals_no_loop';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER referrals_referral_loop BEFORE INSERT ON referrals_referral
    FOR EACH ROW EXECUTE FUNCTION referrals_refuse_loop();
"""

UNDO_NO_LOOP = """
DROP TRIGGER referrals_referral_loop ON referrals_referral;
DROP FUNCTION referrals_refuse_loop();
DROP FUNCTION referrals_root(bigint);
"""

AUDIT = """
CREATE VIEW audit.referrals AS
SELECT s.code AS store, rs.code AS referrer
FROM referrals_referral r
JOIN stores_store s ON s.distributor_id = r.distributor_id
JOIN stores_store rs ON rs.distributor_id = r.referrer_id;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("referrals", "0001_initial"),
        ("stores", "0002_guards"),
        ("states", "0002_guards"),
        ("ledger", "0002_guards"),
    ]

    operations = [
        migrations.RunSQL(NO_LOOP, UNDO_NO_LOOP),
        guard_append_only("referrals_referral"),
        migrations.RunSQL(
            "COMMENT ON TABLE referrals_referral IS 'append-only: bound once';",
            "COMMENT ON TABLE referrals_referral IS NULL;",
        ),
        migrations.RunSQL(AUDIT, "DROP VIEW audit.referrals;"),
    ]
