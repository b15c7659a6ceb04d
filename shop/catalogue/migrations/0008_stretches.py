"""The index of words knows shelves and stretches of the catalogue: a frequent word is then read stretch by stretch."""

import django.contrib.postgres.indexes
from django.db import migrations, models

import shop.catalogue.models

# What a product is found by: its words, its shelf; and each of them once more with the product's stretch of 16,384 keys
# behind it. The same stands in shop.catalogue.finding.
FOUND_BY = """
CREATE FUNCTION catalogue_found_by(search_text text, id bigint, category_id bigint) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_to_array(
        search_text || ' @' || category_id::text || ' '
        || replace(search_text || ' @' || category_id::text, ' ', '#' || (id >> 14)::text || ' ') || '#' || (id >> 14)::text,
        ' ')
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0007_spelled")]

    operations = [
        migrations.RunSQL(FOUND_BY, "DROP FUNCTION catalogue_found_by(text, bigint, bigint)"),
        migrations.RemoveIndex(model_name="product", name="product_search"),
        migrations.AddIndex(
            model_name="product",
            index=django.contrib.postgres.indexes.GinIndex(
                shop.catalogue.models.SearchTokens(),
                condition=models.Q(("state", "on_sale")),
                fastupdate=False,
                name="product_found_by",
            ),
        ),
    ]
