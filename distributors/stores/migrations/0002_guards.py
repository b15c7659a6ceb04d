"""What the database refuses of distributors: other edges than the table's, a deleted store."""

from django.db import migrations

from shop.states.guards import guard_states

KEEP_STORES = """
CREATE FUNCTION stores_guard_code() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.code <> OLD.code OR NEW.distributor_id <> OLD.distributor_id THEN
        RAISE EXCEPTION 'a store keeps its code and its distributor'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stores_store_code BEFORE DELETE OR UPDATE OF code, distributor_id ON stores_store
    FOR EACH ROW EXECUTE FUNCTION stores_guard_code();
"""

UNKEEP_STORES = """
DROP TRIGGER stores_store_code ON stores_store;
DROP FUNCTION stores_guard_code();
"""


class Migration(migrations.Migration):
    dependencies = [("stores", "0001_initial"), ("states", "0002_guards")]

    operations = [
        guard_states(
            "stores_distributor",
            {
                "applied": ("active", "rejected", "left"),
                "rejected": ("applied",),
                "active": ("suspended", "left", "banned"),
                "suspended": ("active", "left", "banned"),
                "left": ("applied",),
                "banned": (),
            },
        ),
        # The ledger's accounts carry a store's code.
        migrations.RunSQL(KEEP_STORES, UNKEEP_STORES),
    ]
