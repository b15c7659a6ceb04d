"""By when a paid part is to be sent: what its supplier said, as it was then."""

from django.db import migrations

# What was paid before was to be sent within what every supplier was measured by.
BEFORE = """
UPDATE lifecycle_supplierorder p SET dispatch_by_at = o.paid_at + interval '48 hours'
FROM lifecycle_order o WHERE o.id = p.order_id AND o.paid_at IS NOT NULL AND p.state <> 'held';
"""

PROMISE = """
CREATE FUNCTION lifecycle_dispatch_promise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT CASE OLD.state WHEN 'held' THEN now() ELSE o.paid_at END + make_interval(hours => s.dispatch_hours)
    INTO NEW.dispatch_by_at
    FROM lifecycle_order o, suppliers_supplier s WHERE o.id = NEW.order_id AND s.id = NEW.supplier_id;
    RETURN NEW;
END $$;
CREATE TRIGGER lifecycle_supplierorder_dispatch BEFORE UPDATE OF state ON lifecycle_supplierorder
    FOR EACH ROW WHEN (NEW.state = 'to_ship' AND OLD.state <> 'to_ship')
    EXECUTE FUNCTION lifecycle_dispatch_promise();
CREATE TRIGGER lifecycle_supplierorder_dispatch_kept BEFORE UPDATE OF dispatch_by_at ON lifecycle_supplierorder
    FOR EACH ROW WHEN (OLD.dispatch_by_at IS NOT NULL AND NEW.dispatch_by_at IS DISTINCT FROM OLD.dispatch_by_at)
    EXECUTE FUNCTION lifecycle_promise_guard();
"""
NO_PROMISE = """
DROP TRIGGER lifecycle_supplierorder_dispatch_kept ON lifecycle_supplierorder;
DROP FUNCTION lifecycle_dispatch_promise() CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0008_dispatch_by"), ("suppliers", "0004_dispatch_hours")]

    operations = [
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE;", migrations.RunSQL.noop),
        migrations.RunSQL(PROMISE, NO_PROMISE),
    ]
