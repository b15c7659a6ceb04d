"""Lists of staff and of suppliers walk an index of their own, newest first."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0004_sealed")]

    operations = [
        migrations.AddIndex("order", models.Index(fields=["state", "-id"], name="order_in_state")),
        migrations.AddIndex("supplierorder", models.Index(fields=["supplier", "-id"], name="supplier_order_newest")),
    ]
