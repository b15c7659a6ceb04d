"""What the database refuses of commissions, also: one for who paid the order."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("orders.settlements.migrations.0003_invariants").PROMISED.partition("CREATE TRIGGER")[0]
AFTER = BEFORE.replace(
    "    RETURN NULL;\n",
    """    IF EXISTS (
        SELECT FROM added c
        JOIN lifecycle_order o ON o.number = c.order_number
        JOIN payments_payment p ON p.order_id = o.id AND p.is_applied
        JOIN stores_store s ON s.id = c.store_id
        JOIN stores_distributor d ON d.id = s.distributor_id
        WHERE d.user_id = ANY (accounts_known_as(p.payer_openid))
    ) THEN
        RAISE EXCEPTION 'nobody earns from what she paid herself'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'settlements_commission_not_payers';
    END IF;
    RETURN NULL;
""",
)


def replaced(text: str) -> str:
    """Return a function as a replacement, which keeps its triggers."""
    return text.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [
        ("settlements", "0004_accrue"),
        ("payments", "0008_payers"),
        ("accounts", "0007_known_as"),
        ("stores", "0002_guards"),
    ]

    operations = [migrations.RunSQL(replaced(AFTER), replaced(BEFORE))]
