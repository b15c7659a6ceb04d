"""The function behind the guards that keep what was written (``guard_facts``, ``guard_stays``, ``guard_kept``)."""

from django.db import migrations

from shop.states.guards import REFUSE


class Migration(migrations.Migration):
    dependencies = [("states", "0003_no_other_way")]

    operations = [migrations.RunSQL(REFUSE, "DROP FUNCTION states_refuse_change() CASCADE;")]
