"""What checkout asks: SKUs as they stand now, in one statement."""

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection

from orders.checkout.items import Item
from orders.checkout.rules import Goods

# Written out, for every order and every look at a cart runs it, and half of its time went into
# building it from parts. The shelves are planned apart (OFFSET 0): planning all joins as one costs
# ten times the execution.
_GOODS = """
SELECT sku.id, sku.number, sku.option_values, sku.weight_g,
    sku.is_active AND product.state = 'on_sale' AND supplier.state = 'active',
    product.id, product.number, product.title,
    shelves.codes, shelves.days,
    supplier.id, supplier.code, supplier.name, supplier.contract, supplier.fee_bp,
    price.supply_fen, price.retail_fen, price.floor_fen, price.ceiling_fen,
    coalesce(stock.on_hand, 0),
    coalesce((
        SELECT image.file FROM catalogue_productimage image
        WHERE image.product_id = product.id AND image.file <> ''
        ORDER BY image.position, image.id LIMIT 1), ''),
    CASE WHEN %(stores)s::text[] <> '{}' THEN (
        SELECT jsonb_object_agg(store.code, own.retail_fen)
        FROM stores_listingprice own
        JOIN stores_listing listing ON listing.id = own.listing_id
        JOIN stores_store store ON store.id = listing.store_id
        JOIN stores_distributor distributor ON distributor.id = store.distributor_id
        WHERE own.sku_id = sku.id AND store.code = ANY(%(stores)s) AND distributor.state = 'active'
          AND own.retail_fen BETWEEN price.floor_fen AND price.ceiling_fen
    ) END
FROM catalogue_sku sku
JOIN catalogue_product product ON product.id = sku.product_id
JOIN suppliers_supplier supplier ON supplier.id = sku.supplier_id
JOIN LATERAL (
    SELECT array_remove(ARRAY[shelf.code, above.code, top.code], NULL) AS codes,
        coalesce(shelf.return_days, above.return_days, top.return_days) AS days
    FROM catalogue_category shelf
    LEFT JOIN catalogue_category above ON above.id = shelf.parent_id
    LEFT JOIN catalogue_category top ON top.id = above.parent_id
    WHERE shelf.id = product.category_id OFFSET 0
) shelves ON true
LEFT JOIN pricing_skuprice price ON price.sku_id = sku.id
LEFT JOIN stock_stockitem stock ON stock.sku_id = sku.id
WHERE sku.number = ANY(%(skus)s)
"""


def goods_of(items: Sequence[Item]) -> dict[str, Goods]:
    """Return the items' SKUs by number, on sale or not; unknown numbers are left out.

    The own prices of the items' stores come along: open stores only, and only what lies within the
    supplier's present band – outside it the retail price counts.
    """
    wanted = {
        "skus": list({item.sku_number for item in items}),
        "stores": list({item.store_code for item in items if item.store_code}),
    }
    with connection.cursor() as cursor:
        cursor.execute(_GOODS, wanted)
        rows = cursor.fetchall()
    return {row[1]: _goods(row) for row in rows}


def _goods(row: tuple[Any, ...]) -> Goods:
    # The columns stand in the order of the fields; JSON and arrays come as the driver brings them.
    facts = list(row)
    facts[2] = json.loads(facts[2])
    facts[8] = tuple(facts[8])
    facts[-1] = json.loads(facts[-1]) if facts[-1] else {}
    return Goods(*facts)
