"""What the database refuses of stock, and what auditors may read of it."""

from django.db import migrations

from shop.states.guards import guard_append_only, guard_states

AUDIT = """
CREATE VIEW audit.stock AS
SELECT sku.number AS sku, item.received, item.on_hand, item.reserved, item.sold, item.returned
FROM stock_stockitem item
JOIN catalogue_sku sku ON sku.id = item.sku_id;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("stock", "0001_initial"),
        ("catalogue", "0001_initial"),
        ("states", "0002_guards"),
        ("ledger", "0002_guards"),
    ]

    operations = [
        guard_append_only("stock_stockmovement"),
        guard_states(
            "stock_reservation",
            {"open": ["consumed", "released"], "consumed": [], "released": []},
        ),
        migrations.RunSQL(AUDIT, "DROP VIEW audit.stock;"),
    ]
