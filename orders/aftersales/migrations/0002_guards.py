"""What the database refuses: other lives of a case, and edits of what was said in it."""

from django.db import migrations

from shop.states.guards import guard_append_only, guard_states


class Migration(migrations.Migration):
    dependencies = [("aftersales", "0001_initial"), ("states", "0002_guards")]

    operations = [
        guard_states(
            "aftersales_aftersale",
            {
                "opened": ["agreed", "rejected", "withdrawn"],
                "agreed": ["returning", "refunded", "withdrawn"],
                "returning": ["received"],
                "received": ["refunded"],
                "rejected": ["escalated"],
                "escalated": ["agreed", "withdrawn"],
            },
        ),
        guard_append_only("aftersales_evidence"),
    ]
