"""Everything an update asks of the database, in one process: translations, tables, China's regions, rights.

`python -m settings.upgrade` connects as the owner. By hand: `manage.py compile_locale`, `migrate`, `import_regions`,
`grant_app_role`, `grant_staff_roles`.
"""

import os

import django
from django.core.management import call_command


def main() -> None:
    """Bring texts and tables to the state of this code, then give the app's role and the staff's roles their rights."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings.dev")
    os.environ.update(LINJIA_PROCESS="command", LINJIA_DATABASE_ROLE="owner")
    django.setup()
    call_command("compile_locale", verbosity=0)
    call_command("migrate", interactive=False, verbosity=0)
    call_command("import_regions")
    call_command("grant_app_role", verbosity=0)
    call_command("grant_staff_roles", verbosity=0)


if __name__ == "__main__":
    main()
