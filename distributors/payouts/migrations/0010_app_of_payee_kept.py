"""The app a payee is known by is as fixed as her openid."""

from importlib import import_module

from django.db import migrations

_FACTS = import_module("distributors.payouts.migrations.0008_payees_who_left").FACTS
_WITHOUT = "NEW.tax_fen, NEW.gateway, NEW.requested_at)\n         = (OLD.number"
assert _WITHOUT in _FACTS
FACTS = _FACTS.replace("NEW.tax_fen, NEW.gateway,", "NEW.tax_fen, NEW.app_id, NEW.gateway,").replace(
    "OLD.tax_fen, OLD.gateway,", "OLD.tax_fen, OLD.app_id, OLD.gateway,"
)


class Migration(migrations.Migration):
    dependencies = [("payouts", "0009_app_of_payee")]

    operations = [migrations.RunSQL(FACTS, _FACTS)]
