"""The app's role reads the books and calls their functions; it writes no row of them itself.

``manage.py grant_app_role`` repeats this for every table, and for a role that is made later.
"""

from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

TABLES = "ledger_account, ledger_journal, ledger_transfer, ledger_dailydigest, ledger_closing"
VIEWS = "ledger_balance, ledger_line, audit.transfers, audit.accounts"
FUNCTIONS = "ledger_post, ledger_close_day, ledger_day_digest"


def narrow(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    with editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_roles WHERE rolname = %s AND NOT pg_has_role(rolname, current_user, 'USAGE')",
            [settings.LINJIA_APP_ROLE],
        )
        if cursor.fetchone() is None:
            return
    role = editor.quote_name(settings.LINJIA_APP_ROLE)
    editor.execute(f"REVOKE ALL ON {TABLES}, {VIEWS} FROM {role}")
    editor.execute(f"GRANT SELECT ON {TABLES}, {VIEWS} TO {role}")
    editor.execute(f"GRANT USAGE ON SCHEMA audit TO {role}")
    editor.execute(f"GRANT EXECUTE ON FUNCTION {FUNCTIONS} TO {role}")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_views")]

    operations = [migrations.RunPython(narrow, migrations.RunPython.noop)]
