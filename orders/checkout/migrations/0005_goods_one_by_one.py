"""``checkout_goods`` again: each SKU's rows are fetched by themselves, whatever the planner believes.

It cannot know how many SKUs will be asked for, takes ten for granted, and so read all products, prices and stock of
a shop with a thousand goods at each order.
"""

from importlib import import_module

from django.db import migrations

GOODS = """
CREATE OR REPLACE FUNCTION checkout_goods(p_skus text[], p_stores text[]) RETURNS TABLE (
    goods json, product_id bigint, supplier_id bigint,
    sku_number text, product_number text, supplier_code text, shelf_codes text[]
) LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN QUERY
    SELECT json_build_array(
            sku.id, sku.number, sku.option_values, sku.weight_g,
            sku.is_active AND product.state = 'on_sale' AND supplier.state = 'active',
            product.id, product.number, product.title, shelves.codes, shelves.days,
            supplier.id, supplier.code, supplier.name, supplier.contract, supplier.fee_bp,
            price.supply_fen, price.retail_fen, price.floor_fen, price.ceiling_fen,
            coalesce(stock.on_hand, 0),
            coalesce((
                SELECT image.file FROM catalogue_productimage image
                WHERE image.product_id = product.id AND image.file <> ''
                ORDER BY image.position, image.id LIMIT 1), ''),
            CASE WHEN p_stores <> '{}' THEN (
                SELECT json_object_agg(store.code, own.retail_fen)
                FROM stores_store store
                JOIN stores_distributor distributor ON distributor.id = store.distributor_id
                JOIN stores_listing listing ON listing.store_id = store.id AND listing.product_id = product.id
                JOIN stores_listingprice own ON own.listing_id = listing.id AND own.sku_id = sku.id
                WHERE store.code = ANY(p_stores) AND distributor.state = 'active'
                  AND own.retail_fen BETWEEN price.floor_fen AND price.ceiling_fen
            ) END),
        product.id, supplier.id, sku.number::text, product.number::text, supplier.code::text, shelves.codes
    FROM catalogue_sku sku
    -- OFFSET 0 keeps them apart: one look into an index each.
    JOIN LATERAL (SELECT p.* FROM catalogue_product p WHERE p.id = sku.product_id OFFSET 0) product ON true
    JOIN LATERAL (SELECT s.* FROM suppliers_supplier s WHERE s.id = sku.supplier_id OFFSET 0) supplier ON true
    JOIN LATERAL (
        SELECT array_remove(ARRAY[shelf.code, above.code, top.code], NULL)::text[] AS codes,
            coalesce(shelf.return_days, above.return_days, top.return_days) AS days
        FROM catalogue_category shelf
        LEFT JOIN catalogue_category above ON above.id = shelf.parent_id
        LEFT JOIN catalogue_category top ON top.id = above.parent_id
        WHERE shelf.id = product.category_id OFFSET 0
    ) shelves ON true
    LEFT JOIN LATERAL (SELECT r.* FROM pricing_skuprice r WHERE r.sku_id = sku.id OFFSET 0) price ON true
    LEFT JOIN LATERAL (SELECT i.* FROM stock_stockitem i WHERE i.sku_id = sku.id OFFSET 0) stock ON true
    WHERE sku.number = ANY(p_skus);
END $$;
"""

BEFORE = import_module("orders.checkout.migrations.0002_place").GOODS.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
PLANS = "ALTER FUNCTION checkout_goods SET plan_cache_mode = force_generic_plan;"


class Migration(migrations.Migration):
    dependencies = [("checkout", "0004_coupons")]

    operations = [migrations.RunSQL(GOODS, [BEFORE, PLANS])]
