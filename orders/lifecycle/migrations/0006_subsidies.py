"""What the platform's coupons add to a line: it is divided, but no commission is counted on it."""

from importlib import import_module

import django.db.models.expressions
from django.db import migrations, models

BEFORE = import_module("orders.lifecycle.migrations.0003_place")
_BEFORE = BEFORE.PLACE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
# Every column is given: the line's new one stands beside its pool.
PLACE = (
    _BEFORE.replace("pool_fen, refunded_quantity", "pool_fen, subsidy_fen, refunded_quantity")
    .replace("(r.line).pool_fen,", "(r.line).pool_fen, (r.line).subsidy_fen,")
)

# It belongs to what was promised.
PROMISE = """
CREATE TRIGGER lifecycle_orderline_subsidy_promise BEFORE UPDATE OF subsidy_fen ON lifecycle_orderline
FOR EACH ROW WHEN (OLD.subsidy_fen IS DISTINCT FROM NEW.subsidy_fen) EXECUTE FUNCTION lifecycle_promise_guard();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalogue', '0006_covers'),
        ('lifecycle', '0005_index'),
        ('stores', '0005_sealed'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='orderline',
            name='order_line_within_pool',
        ),
        migrations.AddField(
            model_name='orderline',
            name='subsidy_fen',
            field=models.BigIntegerField(default=0, verbose_name="paid by the platform's coupons (fen)"),
        ),
        migrations.AddConstraint(
            model_name='orderline',
            constraint=models.CheckConstraint(condition=models.Q(('pool_fen', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('paid_fen'), '+', models.F('subsidy_fen')), '-', models.F('supplier_fen'))), ('level1_fen__gte', 0), ('level2_fen__gte', 0), ('supplier_fen__gte', 0), ('subsidy_fen__gte', 0), ('subsidy_fen__lte', models.F('discount_fen')), ('pool_fen__gte', django.db.models.expressions.CombinedExpression(models.F('level1_fen'), '+', models.F('level2_fen')))), name='order_line_within_pool'),
        ),
        migrations.RunSQL(PLACE, _BEFORE),
        migrations.RunSQL(PROMISE, "DROP TRIGGER lifecycle_orderline_subsidy_promise ON lifecycle_orderline;"),
    ]
