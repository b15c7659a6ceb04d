"""``payments_facts`` again: it also says who paid, as far as the openid is known."""

from importlib import import_module

from django.db import migrations

BEFORE = import_module("orders.payments.migrations.0006_taking").FACTS
# The gateway's word about the payer, else whom the payment was made for.
FACTS = (
    BEFORE.replace("p_event text) RETURNS", "p_event text, p_payer text) RETURNS")
    .replace("    v_known json;\n", "    v_known json;\n    v_payer text;\n")
    .replace("v_told, NULL, NULL, NULL)", "v_told, NULL, NULL, NULL, NULL)")
    .replace("p.order_id\n    INTO v_payment, v_order\n", "p.order_id,\n        p.payer_openid\n    INTO v_payment, v_order, v_payer\n")
    .replace(
        "lifecycle_sold(v_order) END)",
        "lifecycle_sold(v_order) END,\n"
        "        CASE WHEN v_order IS NOT NULL THEN accounts_known_as(coalesce(nullif(p_payer, ''), v_payer)) END)",
    )
)


class Migration(migrations.Migration):
    dependencies = [("payments", "0007_no_persons_in_notices"), ("accounts", "0007_known_as")]

    operations = [
        migrations.RunSQL("DROP FUNCTION payments_facts;", BEFORE),
        migrations.RunSQL(FACTS, "DROP FUNCTION payments_facts;"),
    ]
