"""What the database refuses of orders: other edges, changed promises, sums that do not add up."""

from django.db import migrations

from shop.states.guards import guard_states

ORDER_EDGES = {
    "placed": ["paid", "cancelled"],
    "paid": ["completed", "refunded"],
    "completed": [],
    "cancelled": [],
    "refunded": [],
}
SUPPLIER_ORDER_EDGES = {
    "waiting": ["to_ship", "held", "closed"],
    "held": ["to_ship", "closed"],
    "to_ship": ["shipped", "closed"],
    "shipped": ["received", "closed"],
    "received": ["completed", "closed"],
    "completed": [],
    "closed": [],
}

# What was promised when an order was placed. Counters, stamps and states are not among it.
FROZEN = {
    "lifecycle_order": (
        *("number", "user_id", "goods_fen", "discount_fen", "freight_fen", "payable_fen"),
        "placed_at",
    ),
    "lifecycle_supplierorder": (
        *("number", "order_id", "supplier_id", "goods_fen", "discount_fen", "freight_fen"),
        *("payable_fen", "placed_at"),
    ),
    "lifecycle_orderline": (
        *("order_id", "supplier_order_id", "line", "product_id", "sku_id", "title", "option_text"),
        *("quantity", "unit_fen", "supply_unit_fen", "discount_fen", "paid_fen", "supplier_fen"),
        *("pool_fen", "store_id", "referrer_store_id", "level1_bp", "level2_bp", "level1_fen"),
        *("level2_fen", "rule_number", "credit_reason", "credit_evidence", "return_days"),
    ),
}

PROMISE = """
CREATE FUNCTION lifecycle_promise_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% keeps what was promised when the order was placed', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""

# Deferred to the commit: an order, its parts and its lines are written one after the other.
SUMS = """
CREATE FUNCTION lifecycle_sums_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parts record;
    lines record;
BEGIN
    SELECT coalesce(sum(goods_fen), 0) AS goods, coalesce(sum(discount_fen), 0) AS discount,
           coalesce(sum(freight_fen), 0) AS freight, coalesce(sum(payable_fen), 0) AS payable
    INTO parts FROM lifecycle_supplierorder WHERE order_id = NEW.id;
    SELECT coalesce(sum(paid_fen), 0) AS paid, coalesce(sum(discount_fen), 0) AS discount
    INTO lines FROM lifecycle_orderline WHERE order_id = NEW.id;
    IF (parts.goods, parts.discount, parts.freight, parts.payable)
        IS DISTINCT FROM (NEW.goods_fen, NEW.discount_fen, NEW.freight_fen, NEW.payable_fen)
       OR lines.paid + NEW.freight_fen <> NEW.payable_fen OR lines.discount <> NEW.discount_fen
    THEN
        RAISE EXCEPTION 'order % is not the sum of its parts and lines', NEW.number
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER lifecycle_order_sums AFTER INSERT ON lifecycle_order
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lifecycle_sums_guard();
"""

AUDIT = """
CREATE VIEW audit.orders AS
SELECT number, state, goods_fen, discount_fen, freight_fen, payable_fen, paid_fen, refunded_fen,
    placed_at, paid_at, completed_at
FROM lifecycle_order;
CREATE VIEW audit.order_lines AS
SELECT o.number, l.line, s.number AS sku, l.quantity, l.refunded_quantity, l.paid_fen,
    l.refunded_fen, l.pool_fen, l.supplier_fen, l.level1_fen, l.level2_fen
FROM lifecycle_orderline l
JOIN lifecycle_order o ON o.id = l.order_id
JOIN catalogue_sku s ON s.id = l.sku_id;
"""


def guard_promise(db_table: str) -> migrations.RunSQL:
    """Refuse to change or delete what was promised; writing the same value again is no change."""
    columns = FROZEN[db_table]
    changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns)
    return migrations.RunSQL(
        f"CREATE TRIGGER {db_table}_promise BEFORE UPDATE OF {', '.join(columns)} ON {db_table} "
        f"FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION lifecycle_promise_guard();"
        f"CREATE TRIGGER {db_table}_kept BEFORE DELETE ON {db_table} "
        f"FOR EACH ROW EXECUTE FUNCTION lifecycle_promise_guard();",
        f"DROP TRIGGER {db_table}_promise ON {db_table}; DROP TRIGGER {db_table}_kept ON {db_table};",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("lifecycle", "0001_initial"),
        ("states", "0002_guards"),
        ("ledger", "0002_guards"),
        ("catalogue", "0001_initial"),
    ]

    operations = [
        guard_states("lifecycle_order", ORDER_EDGES),
        guard_states("lifecycle_supplierorder", SUPPLIER_ORDER_EDGES),
        migrations.RunSQL(PROMISE, "DROP FUNCTION lifecycle_promise_guard() CASCADE;"),
        *(guard_promise(db_table) for db_table in FROZEN),
        migrations.RunSQL(SUMS, "DROP FUNCTION lifecycle_sums_guard() CASCADE;"),
        migrations.RunSQL(AUDIT, "DROP VIEW audit.order_lines, audit.orders;"),
    ]
