"""The functions of the books are planned once a session, and by index.

A session keeps its plans. Made while the books were small they read whole tables, and go on so while the books grow;
and given short arrays, PostgreSQL makes a plan for just these values at every call, which costs more than to run it.
Everything these functions look up is named by a key.
"""

from django.db import migrations

BY_INDEX = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")
POST, BOOK = "ledger_post", "ledger_book_transfers"


class Migration(migrations.Migration):
    dependencies = [("ledger", "0007_no_debt")]

    operations = [
        migrations.RunSQL(
            f"ALTER FUNCTION {POST} SET plan_cache_mode = force_generic_plan;",
            f"ALTER FUNCTION {POST} RESET plan_cache_mode;",
        ),
        *(
            migrations.RunSQL(
                f"ALTER FUNCTION {function} SET {setting} = off;", f"ALTER FUNCTION {function} RESET {setting};"
            )
            for function in (POST, BOOK)
            for setting in BY_INDEX
        ),
    ]
