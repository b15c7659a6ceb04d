"""What the database refuses of what suppliers earn and are told: another amount, less taken back, and rows that go."""

from django.db import migrations

from shop.states.guards import guard_facts, guard_kept, guard_stays


class Migration(migrations.Migration):
    dependencies = [("settlements", "0005_payers"), ("states", "0004_refuse_change")]

    operations = [
        guard_facts(
            "settlements_earning",
            ["order_id", "supplier_order_id", "supplier_id", "order_line_id", "amount_fen", "accrued_at"],
        ),
        guard_stays("settlements_earning", once=["settled_at"], growing=["deducted_fen"]),
        guard_kept("settlements_earning"),
        guard_facts("settlements_statement", ["number", "supplier_id", "from_date", "until_date", "opening_fen"]),
        # Until its supplier agrees it may be issued again with what was posted since.
        guard_facts(
            "settlements_statement",
            ["settled_fen", "deducted_fen", "paid_fen", "closing_fen", "available_upto", "debt_upto"],
            name="agreed",
            when="OLD.state IN ('confirmed', 'paid')",
        ),
        guard_kept("settlements_statement"),
        guard_facts("settlements_supplierpayout", ["number", "statement_id", "supplier_id", "amount_fen"]),
        guard_stays("settlements_supplierpayout", once=["bank_reference"]),
        guard_kept("settlements_supplierpayout"),
    ]
