"""The functions of placing an order are planned once a session.

Given short arrays, PostgreSQL takes a plan made for just these values to be cheaper and makes one at every call, which
costs several times the execution. What they call is planned likewise meanwhile.
"""

from django.db import migrations

FUNCTIONS = ("checkout_goods", "checkout_facts", "checkout_place")


class Migration(migrations.Migration):
    dependencies = [("checkout", "0002_place")]

    operations = [
        migrations.RunSQL(
            [f"ALTER FUNCTION {name} SET plan_cache_mode = force_generic_plan;" for name in FUNCTIONS],
            [f"ALTER FUNCTION {name} RESET plan_cache_mode;" for name in FUNCTIONS],
        )
    ]
