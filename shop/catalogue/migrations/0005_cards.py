"""What lists show of a product stands in its own row, and every order of a list has its index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0004_pictures_of_before")]

    operations = [
        migrations.AddField("product", "cover", models.JSONField(blank=True, editable=False, null=True)),
        migrations.AddField("product", "compare_at_fen", models.BigIntegerField(blank=True, editable=False, null=True)),
        *(
            migrations.AddIndex(
                "product", models.Index(fields=fields, condition=models.Q(("state", "on_sale")), name=name)
            )
            for name, fields in (
                ("product_by_sold", ["-sold_count", "-id"]),
                ("product_by_price", ["min_retail_fen", "id"]),
                ("product_in_category_by_sold", ["category", "-sold_count", "-id"]),
                ("product_in_category_by_price", ["category", "min_retail_fen", "id"]),
            )
        ),
    ]
