"""What the database refuses: other lives of what suppliers are owed, and edits of deductions."""

from django.db import migrations

from shop.states.guards import guard_append_only, guard_states


class Migration(migrations.Migration):
    dependencies = [("settlements", "0001_initial"), ("states", "0002_guards")]

    operations = [
        guard_states(
            "settlements_earning",
            {"frozen": ["settled", "deducted"], "settled": ["deducted"]},
        ),
        guard_states(
            "settlements_statement",
            {
                "open": ["closed"],
                "closed": ["confirmed", "disputed"],
                "disputed": ["closed"],
                "confirmed": ["paid"],
            },
        ),
        guard_states("settlements_supplierpayout", {"started": ["paid", "failed"]}),
        guard_append_only("settlements_deduction"),
    ]
