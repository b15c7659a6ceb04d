"""The sums of a store read one index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("commissions", "0003_rules_in_force")]

    operations = [
        migrations.AddIndex(
            "commission",
            models.Index(
                fields=["store", "state"], include=["amount_fen", "clawed_back_fen"], name="commissions_sums"
            ),
        ),
    ]
