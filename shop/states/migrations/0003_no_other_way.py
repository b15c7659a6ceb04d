"""A state that a table of edges does not name leads nowhere: ``states_guard`` let it go anywhere."""

from django.db import migrations

# NULL is no refusal: an end that is left out of the edges was a door.
GUARD = """
CREATE OR REPLACE FUNCTION states_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state IS DISTINCT FROM OLD.state
       AND NOT coalesce((TG_ARGV[0]::jsonb -> OLD.state) ? NEW.state, false) THEN
        RAISE EXCEPTION '% may not go from % to %', TG_TABLE_NAME, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""
BEFORE = GUARD.replace(
    "NOT coalesce((TG_ARGV[0]::jsonb -> OLD.state) ? NEW.state, false)", "NOT (TG_ARGV[0]::jsonb -> OLD.state) ? NEW.state"
)


class Migration(migrations.Migration):
    dependencies = [("states", "0002_guards")]

    operations = [migrations.RunSQL(GUARD, BEFORE)]
