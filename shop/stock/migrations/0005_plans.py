"""What an order holds is ended by plans that go by index, however few goods there were when a session began.

See ledger/migrations/0008_plans.py.
"""

from django.db import migrations

SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}


class Migration(migrations.Migration):
    dependencies = [("stock", "0004_sell")]

    operations = [
        migrations.RunSQL(
            f"ALTER FUNCTION stock_settle SET {name} = {value};", f"ALTER FUNCTION stock_settle RESET {name};"
        )
        for name, value in SETTINGS.items()
    ]
