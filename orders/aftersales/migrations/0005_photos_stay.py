"""A message's photos are append-only as its words are; the public picture is gone."""

from django.db import migrations

from shop.states.guards import guard_append_only


class Migration(migrations.Migration):
    dependencies = [("aftersales", "0004_private_evidence")]

    operations = [
        migrations.RemoveField(model_name="evidence", name="image"),
        guard_append_only("aftersales_evidencephoto"),
    ]
