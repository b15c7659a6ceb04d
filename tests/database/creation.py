"""Test databases copied from a finished one: migrating takes long, copying takes a moment."""

import hashlib
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connections
from django.db.backends.postgresql import creation

_PREFIX = "linjia_tables_"
# Any number will do; only the makers of test databases ask for it.
_LOCK = 5_204_711


class DatabaseCreation(creation.DatabaseCreation):
    """Migrates once for each state of the migrations and keeps the result as a template."""

    def create_test_db(self, *args: Any, **kwargs: Any) -> str:
        """Create the test database. Workers wait for each other: one migrates, the others copy."""
        template = _PREFIX + _state_of_migrations()
        with self._nodb_cursor() as cursor:
            cursor.execute("SET statement_timeout = 0; SET lock_timeout = 0; SELECT pg_advisory_lock(%s)", [_LOCK])
            is_there = self._database_exists(cursor, template)
            if is_there:
                self.connection.settings_dict["TEST"]["TEMPLATE"] = template
            name = super().create_test_db(*args, **kwargs)
            if not is_there:
                self._keep(cursor, name, template)
        return name

    def _keep(self, cursor: Any, name: str, template: str) -> None:
        """Copy the new database to the template, and drop templates of other states."""
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [_PREFIX])
        for (old,) in cursor.fetchall():
            cursor.execute(f"DROP DATABASE IF EXISTS {self._quote_name(old)}")
        connections[self.connection.alias].close()
        cursor.execute(f"CREATE DATABASE {self._quote_name(template)} TEMPLATE {self._quote_name(name)}")


def _state_of_migrations() -> str:
    """A hash over every migration of every app."""
    total = hashlib.sha256()
    for config in apps.get_app_configs():
        for path in sorted(Path(config.path).glob("migrations/*.py")):
            total.update(f"{config.label}/{path.name}".encode() + path.read_bytes())
    return total.hexdigest()[:16]
