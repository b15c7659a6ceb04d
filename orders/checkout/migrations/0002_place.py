"""The two calls an order is placed with: ``checkout_facts`` reads all it is made of, ``checkout_place`` writes it.

Both put together what the apps below offer; what a price, a freight, a commission is stands in their ``rules.py``.
"""

from django.db import migrations

# A SKU as it stands now, in the order of orders/checkout/rules.py's ``Goods``, and beside it what the other facts
# are looked up by. The own prices are those of open stores, within the supplier's present band.
GOODS = """
CREATE FUNCTION checkout_goods(p_skus text[], p_stores text[]) RETURNS TABLE (
    goods json, product_id bigint, supplier_id bigint,
    sku_number text, product_number text, supplier_code text, shelf_codes text[]
) LANGUAGE plpgsql STABLE AS $$
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
    JOIN catalogue_product product ON product.id = sku.product_id
    JOIN suppliers_supplier supplier ON supplier.id = sku.supplier_id
    JOIN LATERAL (
        SELECT array_remove(ARRAY[shelf.code, above.code, top.code], NULL)::text[] AS codes,
            coalesce(shelf.return_days, above.return_days, top.return_days) AS days
        FROM catalogue_category shelf
        LEFT JOIN catalogue_category above ON above.id = shelf.parent_id
        LEFT JOIN catalogue_category top ON top.id = above.parent_id
        WHERE shelf.id = product.category_id OFFSET 0
    ) shelves ON true
    LEFT JOIN pricing_skuprice price ON price.sku_id = sku.id
    LEFT JOIN stock_stockitem stock ON stock.sku_id = sku.id
    WHERE sku.number = ANY(p_skus);
END $$;
"""

# STABLE: all of it is read in one moment, that of the calling statement. What was answered under a key before
# needs nothing else. The answer's parts are named, so that a reader of a log knows what he sees. Text, because
# the caller reads JSON faster than the driver does.
FACTS = """
CREATE FUNCTION checkout_facts(
    p_user bigint, p_visitor text, p_skus text[], p_stores text[], p_address text, p_place text,
    p_store_ids bigint[], p_since timestamptz, p_now timestamptz, p_touches_most integer,
    p_caller text, p_key text
) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_answered json;
    v_address json;
    v_place text := nullif(p_place, '');
    v_goods json;
    v_products bigint[];
    v_suppliers bigint[];
    v_skus text[];
    v_product_numbers text[];
    v_supplier_codes text[];
    v_shelves text[];
    v_grades text[];
    v_credit json;
    v_count integer;
BEGIN
    IF p_key <> '' THEN
        SELECT json_build_array(k.request_hash, k.status, k.body) INTO v_answered
        FROM work_idempotencykey k WHERE k.caller = p_caller AND k.key = p_key;
        IF FOUND THEN
            RETURN json_build_object('answered', v_answered);
        END IF;
    END IF;
    IF p_address <> '' THEN
        SELECT json_build_array(a.name, a.phone, a.region_code, a.region_names, a.detail), a.region_code
        INTO v_address, v_place
        FROM accounts_address a
        WHERE a.number = p_address AND a.user_id = p_user AND a.removed_at IS NULL;
    END IF;
    SELECT json_agg(g.goods), array_agg(g.product_id), array_agg(g.supplier_id), array_agg(g.sku_number),
        array_agg(g.product_number), array_agg(g.supplier_code),
        -- Codes of shelves hold no spaces.
        string_to_array(string_agg(array_to_string(g.shelf_codes, ' '), ' '), ' '), count(*)
    INTO v_goods, v_products, v_suppliers, v_skus, v_product_numbers, v_supplier_codes, v_shelves, v_count
    FROM checkout_goods(p_skus, p_stores) g;
    IF v_goods IS NULL THEN
        RETURN json_build_object('address', v_address);
    END IF;
    v_credit := links_credit_facts(p_user, p_visitor, v_products, p_store_ids, p_since, p_now, p_touches_most);
    v_grades := ARRAY(SELECT DISTINCT store ->> 5 FROM json_array_elements(v_credit -> 3) store);
    RETURN json_build_object(
        'address', v_address,
        'goods', v_goods,
        'credit', v_credit,
        'rules', commissions_rules_in_force(
            'global'::text || array_fill('sku'::text, ARRAY[v_count]) || array_fill('product'::text, ARRAY[v_count])
                || array_fill('supplier'::text, ARRAY[v_count])
                || array_fill('category'::text, ARRAY[cardinality(v_shelves)])
                || array_fill('grade'::text, ARRAY[cardinality(v_grades)]),
            ''::text || v_skus || v_product_numbers || v_supplier_codes || v_shelves || v_grades,
            p_now),
        'freight', CASE WHEN v_place IS NOT NULL THEN freight_price_lists(v_suppliers, v_products, v_place) END,
        'has_cart', p_visitor <> '' AND EXISTS (SELECT FROM checkout_cart c WHERE c.visitor_hash = p_visitor)
    )::text;
END $$;
"""

# Lines she did not choose stay, and so do pieces she added while she was buying.
TAKE = """
CREATE FUNCTION checkout_take_bought(p_user bigint, p_skus bigint[], p_quantities bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_cart bigint;
BEGIN
    SELECT id INTO v_cart FROM checkout_cart WHERE user_id = p_user;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- What is bought whole goes first: a line that only lost pieces must not be taken for one of those.
    DELETE FROM checkout_cartline line
    USING unnest(p_skus, p_quantities) AS b(sku_id, quantity)
    WHERE line.cart_id = v_cart AND line.sku_id = b.sku_id AND line.is_selected AND line.quantity <= b.quantity;
    UPDATE checkout_cartline line SET quantity = line.quantity - b.quantity
    FROM unnest(p_skus, p_quantities) AS b(sku_id, quantity)
    WHERE line.cart_id = v_cart AND line.sku_id = b.sku_id AND line.is_selected AND line.quantity > b.quantity;
END $$;
"""

# The order's number, its due row and the answer under the caller's key come with it. 0 when the key was answered
# meanwhile: then nothing is written. The stock comes last, and the sums that are otherwise checked at the commit
# are checked before it, so that the rows everybody wants are held for the commit alone.
PLACE = """
CREATE FUNCTION checkout_place(
    p_order json, p_parts json, p_lines json, p_skus bigint[], p_quantities bigint[],
    p_user bigint, p_number text, p_expires_at timestamptz, p_at timestamptz,
    p_caller text, p_key text, p_asked text, p_status integer, p_body jsonb
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_order bigint;
BEGIN
    IF p_key <> '' AND NOT work_answer(p_caller, p_key, p_asked, p_status, p_body) THEN
        RETURN 0;
    END IF;
    v_order := lifecycle_place(p_order, p_parts, p_lines);
    PERFORM checkout_take_bought(p_user, p_skus, p_quantities);
    PERFORM work_remember('order.expire', p_number, p_expires_at);
    SET CONSTRAINTS lifecycle_order_sums IMMEDIATE;
    SET CONSTRAINTS lifecycle_order_sums DEFERRED;
    PERFORM stock_reserve(p_number, p_skus, p_quantities, p_at);
    RETURN v_order;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0001_initial"),
        ("lifecycle", "0003_place"),
        ("links", "0003_credit_facts"),
        ("commissions", "0003_rules_in_force"),
        ("freight", "0002_price_lists"),
        ("stock", "0003_reserve"),
        ("work", "0003_remember"),
        ("pricing", "0001_initial"),
        ("stores", "0001_initial"),
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(GOODS, "DROP FUNCTION checkout_goods;"),
        migrations.RunSQL(FACTS, "DROP FUNCTION checkout_facts;"),
        migrations.RunSQL(TAKE, "DROP FUNCTION checkout_take_bought;"),
        migrations.RunSQL(PLACE, "DROP FUNCTION checkout_place;"),
    ]
