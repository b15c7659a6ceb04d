"""SQL that lets the database refuse an edge the table does not have, and edits of append-only rows.

For migrations only: each app's guards migration spells out the edges of its day, so that history
replays the same whatever the code says later.
"""

import json
from collections.abc import Mapping, Sequence

from django.db import migrations

FUNCTIONS = """
CREATE OR REPLACE FUNCTION states_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state IS DISTINCT FROM OLD.state
       AND NOT (TG_ARGV[0]::jsonb -> OLD.state) ? NEW.state THEN
        RAISE EXCEPTION '% may not go from % to %', TG_TABLE_NAME, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION append_only_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
"""

# Whose guard it is says its name, which reaches the error as the constraint's.
REFUSE = """
CREATE FUNCTION states_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% keeps what is written in it', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END $$;
"""


def guard_states(db_table: str, edges: Mapping[str, Sequence[str]]) -> migrations.RunSQL:
    """Return the operation that makes the database refuse other edges of ``db_table.state``."""
    literal = json.dumps({source: list(targets) for source, targets in edges.items()})
    return migrations.RunSQL(
        f"CREATE TRIGGER {db_table}_states BEFORE UPDATE OF state ON {db_table} "
        f"FOR EACH ROW EXECUTE FUNCTION states_guard('{literal}');",
        f"DROP TRIGGER {db_table}_states ON {db_table};",
    )


def guard_append_only(db_table: str) -> migrations.RunSQL:
    """Return the operation that makes the database refuse UPDATE, DELETE and TRUNCATE."""
    return migrations.RunSQL(
        f"CREATE TRIGGER {db_table}_rows BEFORE UPDATE OR DELETE ON {db_table} "
        f"FOR EACH ROW EXECUTE FUNCTION append_only_guard();"
        f"CREATE TRIGGER {db_table}_whole BEFORE TRUNCATE ON {db_table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION append_only_guard();",
        f"DROP TRIGGER {db_table}_rows ON {db_table}; DROP TRIGGER {db_table}_whole ON {db_table};",
    )


def guard_facts(db_table: str, columns: Sequence[str], *, name: str = "facts", when: str = "") -> migrations.RunSQL:
    """Return the operation that makes the database refuse another value of these columns.

    ``when`` is a condition on the row in SQL; without one they are fixed the moment they are written.
    """
    changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns)
    return _refuse_update(db_table, name, columns, f"({changed}) AND {when}" if when else changed)


def guard_stays(db_table: str, *, once: Sequence[str] = (), growing: Sequence[str] = ()) -> migrations.RunSQL:
    """Return the operation that makes the database refuse to unsay what was said, or to count down.

    ``once``: columns that are empty (null, "" or false) until they are written, and then stay.
    """
    unsaid = [f"(OLD.{one}::text NOT IN ('', 'false') AND OLD.{one} IS DISTINCT FROM NEW.{one})" for one in once]
    fewer = [f"NEW.{column} < OLD.{column}" for column in growing]
    return _refuse_update(db_table, "stays", [*once, *growing], " OR ".join([*unsaid, *fewer]))


def guard_kept(db_table: str) -> migrations.RunSQL:
    """Return the operation that makes the database refuse to delete a row."""
    return migrations.RunSQL(
        f"CREATE TRIGGER {db_table}_kept BEFORE DELETE ON {db_table} "
        f"FOR EACH ROW EXECUTE FUNCTION states_refuse_change();",
        f"DROP TRIGGER {db_table}_kept ON {db_table};",
    )


def _refuse_update(db_table: str, name: str, columns: Sequence[str], condition: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE TRIGGER {db_table}_{name} BEFORE UPDATE OF {', '.join(columns)} ON {db_table} "
        f"FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION states_refuse_change();",
        f"DROP TRIGGER {db_table}_{name} ON {db_table};",
    )
