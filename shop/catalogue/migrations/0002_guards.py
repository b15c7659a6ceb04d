from django.db import migrations

from shop.states.guards import guard_states


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0001_initial"), ("states", "0002_guards")]

    operations = [
        guard_states(
            "catalogue_product",
            {
                "draft": ["in_review"],
                "in_review": ["on_sale", "rejected", "draft"],
                "on_sale": ["off_sale"],
                "off_sale": ["in_review", "on_sale"],
                "rejected": ["draft", "in_review"],
            },
        )
    ]
