from django.db import migrations

from shop.states.guards import guard_states


class Migration(migrations.Migration):
    dependencies = [("suppliers", "0001_initial"), ("states", "0002_guards")]

    operations = [
        guard_states(
            "suppliers_supplier",
            {
                "applied": ["active", "left"],
                "active": ["suspended", "left"],
                "suspended": ["active", "left"],
                "left": [],
            },
        )
    ]
