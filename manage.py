#!/usr/bin/env python
"""Django's command line. Commands that change the schema connect as the owner of the database, all others as the app."""

import os
import sys

from django.core.management import execute_from_command_line

OWNER_COMMANDS = frozenset({"migrate", "flush", "sqlflush", "demo_shift"})


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.dev")
    os.environ.setdefault("LINJIA_PROCESS", "command")
    if len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS:
        os.environ.setdefault("LINJIA_DATABASE_ROLE", "owner")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
