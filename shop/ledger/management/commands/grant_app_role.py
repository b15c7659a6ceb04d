"""``manage.py grant_app_role``: give the app's and the auditors' roles their rights, after migrate.

Run by the owner of the tables. Safe to run again; it takes away what is too much as well.
"""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

AUDITOR = "linjia_auditor"

# The first word of a table's comment (Meta.db_table_comment) says what the app may do with its rows.
RIGHTS = {
    "sealed:": "SELECT",
    "append-only:": "SELECT, INSERT",
    "": "SELECT, INSERT, UPDATE, DELETE",
}
DOORS = ("ledger_post", "ledger_close_day", "ledger_day_digest")


class Command(BaseCommand):
    help = "Grant the app's database role (LINJIA_APP_ROLE) and linjia_auditor exactly their rights."

    def handle(self, *args: Any, **options: Any) -> None:
        app = settings.LINJIA_APP_ROLE
        with transaction.atomic(), connection.cursor() as cursor:
            roles = [role for role in (app, AUDITOR) if self._ensure_role(cursor, role)]
            if app in roles:
                self._grant_tables(cursor, app)
            for role in roles:
                cursor.execute(f"GRANT USAGE ON SCHEMA audit TO {_name(role)}")
                cursor.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA audit TO {_name(role)}")
        for role in roles:
            self.stdout.write(f"{role}: rights granted.")

    def _ensure_role(self, cursor: Any, role: str) -> bool:
        """Return whether the role is there to be granted something, making it if we may."""
        cursor.execute(
            "SELECT pg_has_role(rolname, current_user, 'USAGE') FROM pg_roles WHERE rolname = %s",
            [role],
        )
        found = cursor.fetchone()
        if found:
            if found[0]:
                raise CommandError(
                    f"{role} has the rights of the user who runs this. Run it as the tables' owner, "
                    f"and let {role} be another, plain role."
                )
            return True
        cursor.execute("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
        (may_create,) = cursor.fetchone()
        if not may_create:
            self.stderr.write(f"There is no role {role}, and this user may not create it: skipped.")
            return False
        # Roles are the whole server's: another database of it may be making the same one now.
        cursor.execute(
            f"DO $$ BEGIN CREATE ROLE {_name(role)} NOLOGIN; "
            "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        )
        return True

    def _grant_tables(self, cursor: Any, app: str) -> None:
        role = _name(app)
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
        cursor.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        cursor.execute(
            "SELECT c.oid::regclass::text, c.relkind, coalesce(obj_description(c.oid, 'pg_class'), '') "
            "FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace "
            "AND c.relkind IN ('r', 'p', 'v', 'm') AND pg_has_role(c.relowner, 'USAGE') ORDER BY 1"
        )
        for table, relkind, comment in cursor.fetchall():
            rights = RIGHTS.get(comment.split(" ")[0], RIGHTS[""])
            if relkind in "vm" or table == "django_migrations":
                rights = "SELECT"
            cursor.execute(f"REVOKE ALL ON {table} FROM {role}")
            cursor.execute(f"GRANT {rights} ON {table} TO {role}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")
        for door in DOORS:
            cursor.execute(f"GRANT EXECUTE ON FUNCTION {door} TO {role}")


def _name(role: str) -> str:
    return connection.ops.quote_name(role)
