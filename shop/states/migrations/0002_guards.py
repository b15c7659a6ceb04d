from django.db import migrations

from shop.states.guards import FUNCTIONS, guard_append_only


class Migration(migrations.Migration):
    dependencies = [("states", "0001_initial")]

    operations = [
        migrations.RunSQL(
            FUNCTIONS,
            "DROP FUNCTION states_guard() CASCADE; DROP FUNCTION append_only_guard() CASCADE;",
        ),
        guard_append_only("states_statechange"),
    ]
