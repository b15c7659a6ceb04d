"""What the database refuses of reservations, also: other pieces than were held, and rows that go."""

from django.db import migrations

from shop.states.guards import guard_facts, guard_kept


class Migration(migrations.Migration):
    dependencies = [("stock", "0005_plans"), ("states", "0004_refuse_change")]

    operations = [
        guard_facts("stock_reservation", ["reference", "sku_id", "quantity"]),
        guard_kept("stock_reservation"),
    ]
