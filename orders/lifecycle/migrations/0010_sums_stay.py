"""What the database refuses of orders, also: a part or a line that joins one that adds up, and unsaying what was paid.

No column of a sum may change (0002_guards), and an order is checked against its parts and lines when it is written. What
is left is to add to it afterwards. An order that adds up is exceeded by whatever joins it, so that each statement is
looked at once, and while an order is being written nothing is in the way.
"""

from django.db import migrations

JOINS = """
CREATE FUNCTION lifecycle_refuse_joining() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_exceeds boolean;
BEGIN
    IF TG_TABLE_NAME = 'lifecycle_orderline' THEN
        SELECT true INTO v_exceeds
        FROM (SELECT DISTINCT order_id FROM added) a
        JOIN lifecycle_order o ON o.id = a.order_id
        CROSS JOIN LATERAL (
            SELECT sum(l.paid_fen) AS paid, sum(l.discount_fen) AS discount
            FROM lifecycle_orderline l WHERE l.order_id = o.id
        ) x
        WHERE x.paid + o.freight_fen > o.payable_fen OR x.discount > o.discount_fen;
    ELSE
        SELECT true INTO v_exceeds
        FROM (SELECT DISTINCT order_id FROM added) a
        JOIN lifecycle_order o ON o.id = a.order_id
        CROSS JOIN LATERAL (
            SELECT sum(p.goods_fen) AS goods, sum(p.discount_fen) AS discount, sum(p.freight_fen) AS freight,
                sum(p.payable_fen) AS payable,
                least(min(p.goods_fen), min(p.discount_fen), min(p.freight_fen), min(p.payable_fen)) AS least
            FROM lifecycle_supplierorder p WHERE p.order_id = o.id
        ) x
        WHERE x.goods > o.goods_fen OR x.discount > o.discount_fen OR x.freight > o.freight_fen
           OR x.payable > o.payable_fen OR x.least < 0;
    END IF;
    IF v_exceeds THEN
        RAISE EXCEPTION 'an order is the sum of its parts and lines: nothing joins it'
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sums_kept_by_lines AFTER INSERT ON lifecycle_orderline
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION lifecycle_refuse_joining();
CREATE TRIGGER sums_kept_by_parts AFTER INSERT ON lifecycle_supplierorder
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION lifecycle_refuse_joining();
"""

STAYS = """
CREATE FUNCTION lifecycle_refuse_unpaying() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was paid stays paid; it is given back by a refund'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'lifecycle_order_paid_stays';
END $$;
CREATE TRIGGER lifecycle_order_paid_stays BEFORE UPDATE OF paid_fen ON lifecycle_order
    FOR EACH ROW WHEN (OLD.paid_fen <> 0 AND NEW.paid_fen <> OLD.paid_fen) EXECUTE FUNCTION lifecycle_refuse_unpaying();
"""


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0009_dispatch_promise")]

    operations = [
        migrations.RunSQL(JOINS, "DROP FUNCTION lifecycle_refuse_joining() CASCADE;"),
        migrations.RunSQL(STAYS, "DROP FUNCTION lifecycle_refuse_unpaying() CASCADE;"),
    ]
