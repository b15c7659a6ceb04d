"""A product's lowest price follows the prices and the activity of its SKUs, whoever changes them."""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION pricing_min_retail(products bigint[]) RETURNS void LANGUAGE sql AS $$
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
CREATE FUNCTION pricing_prices_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pricing_min_retail(array(
        SELECT DISTINCT sku.product_id FROM changed JOIN catalogue_sku sku ON sku.id = changed.sku_id
    ));
    RETURN NULL;
END $$;
CREATE FUNCTION pricing_sku_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pricing_min_retail(ARRAY[NEW.product_id]);
    RETURN NULL;
END $$;
CREATE TRIGGER pricing_skuprice_added AFTER INSERT ON pricing_skuprice
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION pricing_prices_changed();
CREATE TRIGGER pricing_skuprice_changed AFTER UPDATE ON pricing_skuprice
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION pricing_prices_changed();
CREATE TRIGGER pricing_skuprice_removed AFTER DELETE ON pricing_skuprice
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION pricing_prices_changed();
CREATE TRIGGER pricing_sku_activity AFTER UPDATE OF is_active ON catalogue_sku
    FOR EACH ROW WHEN (OLD.is_active IS DISTINCT FROM NEW.is_active)
    EXECUTE FUNCTION pricing_sku_changed();
"""

UNDO = """
DROP TRIGGER pricing_sku_activity ON catalogue_sku;
DROP FUNCTION pricing_sku_changed();
DROP FUNCTION pricing_prices_changed() CASCADE;
DROP FUNCTION pricing_min_retail(bigint[]);
"""


class Migration(migrations.Migration):
    dependencies = [("pricing", "0001_initial"), ("catalogue", "0001_initial")]

    operations = [migrations.RunSQL(FUNCTIONS, UNDO)]
