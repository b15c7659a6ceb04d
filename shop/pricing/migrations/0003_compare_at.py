"""Beside a product's lowest price stands the struck-through price of its cheapest SKU that has one."""

from django.db import migrations

FUNCTION = """
CREATE OR REPLACE FUNCTION pricing_min_retail(products bigint[]) RETURNS void LANGUAGE sql AS $$
    UPDATE catalogue_product p
    SET min_retail_fen = lowest.fen, compare_at_fen = lowest.compare_at_fen
    FROM (
        SELECT wanted.id, coalesce(min(price.retail_fen), 0) AS fen,
            (array_agg(price.compare_at_fen ORDER BY price.retail_fen, price.sku_id)
             FILTER (WHERE price.compare_at_fen > price.retail_fen))[1] AS compare_at_fen
        FROM unnest(products) AS wanted(id)
        LEFT JOIN catalogue_sku sku ON sku.product_id = wanted.id AND sku.is_active
        LEFT JOIN pricing_skuprice price ON price.sku_id = sku.id
        GROUP BY wanted.id
    ) lowest
    WHERE p.id = lowest.id
      AND (p.min_retail_fen, p.compare_at_fen) IS DISTINCT FROM (lowest.fen, lowest.compare_at_fen)
$$;
SELECT pricing_min_retail(array(SELECT id FROM catalogue_product));
"""

UNDO = """
CREATE OR REPLACE FUNCTION pricing_min_retail(products bigint[]) RETURNS void LANGUAGE sql AS $$
    UPDATE catalogue_product p
    SET min_retail_fen = lowest.fen
    FROM (
        SELECT wanted.id, coalesce(min(price.retail_fen), 0) AS fen
        FROM unnest(products) AS wanted(id)
        LEFT JOIN catalogue_sku sku ON sku.product_id = wanted.id AND sku.is_active
        LEFT JOIN pricing_skuprice price ON price.sku_id = sku.id
        GROUP BY wanted.id
    ) lowest
    WHERE p.id = lowest.id AND p.min_retail_fen <> lowest.fen
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("pricing", "0002_guards"), ("catalogue", "0005_cards")]

    operations = [migrations.RunSQL(FUNCTION, UNDO)]
