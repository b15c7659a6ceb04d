"""``freight_price_lists``: the price lists that could count for some goods sent to a place, in one call."""

from django.db import migrations

# The rules of the place and of all that lies around it; which one counts is shop/freight/rules.py's word.
PRICE_LISTS = """
CREATE FUNCTION freight_price_lists(p_suppliers bigint[], p_products bigint[], p_place text) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN json_build_array(
        EXISTS (SELECT FROM regions_region WHERE code = p_place),
        (
            SELECT coalesce(json_agg(json_build_array(
                t.id, t.supplier_id, t.name, t.basis, t.is_default,
                ARRAY(SELECT f.product_id FROM freight_productfreight f
                      WHERE f.template_id = t.id AND f.product_id = ANY(p_products)),
                (
                    SELECT coalesce(json_agg(json_build_array(
                        r.region_code, r.is_deliverable, r.first_units, r.first_fen,
                        r.continued_units, r.continued_fen, r.free_above_fen) ORDER BY r.id), '[]')
                    FROM freight_freightrule r
                    WHERE r.template_id = t.id AND r.region_code = ANY(ARRAY[
                        '', left(p_place, 2) || '0000', left(p_place, 4) || '00',
                        left(p_place, 6), left(p_place, 9), p_place])
                )
            ) ORDER BY t.id), '[]')
            FROM freight_freighttemplate t
            WHERE t.id IN (
                SELECT d.id FROM freight_freighttemplate d
                WHERE d.is_default AND d.supplier_id = ANY(p_suppliers)
                UNION
                SELECT f.template_id FROM freight_productfreight f WHERE f.product_id = ANY(p_products)
            )
        )
    );
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("freight", "0001_initial"), ("regions", "0001_initial")]

    operations = [migrations.RunSQL(PRICE_LISTS, "DROP FUNCTION freight_price_lists;")]
