"""A finished withdrawal lets go of its payee, and only when the person has left for good."""

from django.db import migrations

FACTS = """
CREATE OR REPLACE FUNCTION payouts_guard_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
       AND (NEW.number, NEW.store_id, NEW.amount_fen, NEW.tax_fen, NEW.gateway, NEW.requested_at)
         = (OLD.number, OLD.store_id, OLD.amount_fen, OLD.tax_fen, OLD.gateway, OLD.requested_at) THEN
        IF NEW.openid = OLD.openid
           AND (NEW.real_name = OLD.real_name OR current_setting('linjia.sealing', true) = 'on') THEN
            RETURN NEW;
        END IF;
        IF NEW.openid IN (OLD.openid, '') AND NEW.real_name IN (OLD.real_name, '')
           AND OLD.state IN ('paid', 'failed', 'rejected', 'cancelled')
           AND EXISTS (
               SELECT FROM stores_store s
               JOIN stores_distributor d ON d.id = s.distributor_id
               JOIN personal_leaving l ON l.user_id = d.user_id AND l.done_at IS NOT NULL
               WHERE s.id = OLD.store_id) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a withdrawal keeps its number, amount and payee'
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0007_guards_of_two"), ("personal", "0001_initial")]

    operations = [migrations.RunSQL(FACTS, migrations.RunSQL.noop)]
