"""What an order is made of, and who it is that asks, by one call that is a statement by itself.

Asked of three functions at once, with a dozen columns, the statement took longer to be understood and planned than the
sign-in took to be looked up: a tenth of the whole reading.
"""

from django.db import migrations

READ = """
CREATE FUNCTION checkout_facts_signed_in(
    p_token_hash text, p_visitor text, p_skus text[], p_stores text[], p_address text, p_place text, p_store_ids bigint[],
    p_since timestamptz, p_now timestamptz, p_touches_most integer, p_caller text, p_key text
) RETURNS text LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_person accounts_user;
BEGIN
    SELECT * INTO v_person FROM accounts_user_of_token(p_token_hash, p_now);
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- Put together as text: what is JSON already is not read again.
    RETURN '[' || checkout_facts(
            v_person.id, p_visitor, p_skus, p_stores, p_address, p_place, p_store_ids, p_since, p_now, p_touches_most,
            p_caller || v_person.number, p_key)
        || ',' || coalesce(checkout_coupons(v_person.id, p_now)::text, 'null')
        || ',' || to_json(v_person)::text || ']';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("checkout", "0006_coupons_late"), ("accounts", "0007_known_as")]

    operations = [migrations.RunSQL(READ, "DROP FUNCTION checkout_facts_signed_in")]
