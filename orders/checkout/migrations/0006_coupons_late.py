"""``checkout_place_with_coupons`` again: the coupons' counters are locked as late as the stock.

They were the first thing an order took, and held through all it wrote: orders with one coupon went one after the other.
"""

from importlib import import_module

from django.db import migrations

# What ``checkout_place`` does, with the pieces among it. All sums are checked before the rows that everybody wants are
# touched: the counters, in coupon order, then the stock, in SKU order; nothing but the commit follows.
PLACE = """
CREATE OR REPLACE FUNCTION checkout_place_with_coupons(
    p_uses json, p_order json, p_parts json, p_lines json, p_skus bigint[], p_quantities bigint[],
    p_user bigint, p_number text, p_expires_at timestamptz, p_at timestamptz,
    p_caller text, p_key text, p_asked text, p_status integer, p_body jsonb
) RETURNS bigint LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_order bigint;
BEGIN
    IF p_key <> '' AND NOT work_answer(p_caller, p_key, p_asked, p_status, p_body) THEN
        RETURN 0;
    END IF;
    v_order := lifecycle_place(p_order, p_parts, p_lines);
    PERFORM checkout_take_bought(p_user, p_skus, p_quantities);
    PERFORM work_remember('order.expire', p_number, p_expires_at);
    PERFORM coupons_use(p_number, p_user, p_uses, p_at);
    SET CONSTRAINTS lifecycle_order_sums, coupons_use_sums, coupons_share_sums, checkout_coupon_lines IMMEDIATE;
    SET CONSTRAINTS lifecycle_order_sums, coupons_use_sums, coupons_share_sums, checkout_coupon_lines DEFERRED;
    PERFORM coupons_count(p_number);
    PERFORM stock_reserve(p_number, p_skus, p_quantities, p_at);
    RETURN v_order;
END $$;
"""

BEFORE = import_module("orders.checkout.migrations.0004_coupons").PLACE.replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)


class Migration(migrations.Migration):
    dependencies = [("checkout", "0005_goods_one_by_one"), ("coupons", "0006_counters_last")]

    operations = [migrations.RunSQL(PLACE, BEFORE)]
