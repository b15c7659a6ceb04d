"""A refund that was paid under another number is void, when what took its place is as much and as many pieces."""

import django.db.models.deletion
from django.db import migrations, models

from shop.states.guards import guard_facts, guard_states

WITHIN = """
CREATE OR REPLACE FUNCTION payments_refuse_too_much() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_exceeds boolean;
BEGIN
    IF TG_TABLE_NAME = 'payments_refund' THEN
        PERFORM FROM payments_payment p
        WHERE p.id IN (SELECT payment_id FROM added) ORDER BY p.id FOR NO KEY UPDATE;
        SELECT true INTO v_exceeds
        FROM (SELECT DISTINCT payment_id FROM added) a
        JOIN payments_payment p ON p.id = a.payment_id
        WHERE p.amount_fen < (
            SELECT sum(r.amount_fen) FROM payments_refund r WHERE r.payment_id = p.id{but_void}
        );
    ELSE
        SELECT true INTO v_exceeds
        FROM (SELECT DISTINCT order_line_id FROM added) a
        JOIN lifecycle_orderline l ON l.id = a.order_line_id
        CROSS JOIN LATERAL (
            SELECT sum(x.amount_fen) AS fen, sum(x.quantity) AS pieces
            FROM payments_refundline x JOIN payments_refund r ON r.id = x.refund_id
            WHERE x.order_line_id = l.id{but_void}
        ) x
        WHERE x.fen > l.paid_fen OR x.pieces > l.quantity;
    END IF;
    IF v_exceeds THEN
        RAISE EXCEPTION 'no more goes back than was paid'
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END $$;
"""

# Looked at when the transaction ends: what takes the place is written after the place is free.
REPLACED = """
CREATE FUNCTION payments_refuse_void() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'voided' AND (
        NEW.amount_fen > (
            SELECT coalesce(sum(r.amount_fen), 0) FROM payments_refund r
            WHERE r.replaces_id = NEW.id AND r.payment_id = NEW.payment_id)
        OR EXISTS (
            SELECT FROM payments_refundline l
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(x.amount_fen), 0) AS fen, coalesce(sum(x.quantity), 0) AS pieces
                FROM payments_refundline x JOIN payments_refund r ON r.id = x.refund_id
                WHERE r.replaces_id = NEW.id AND x.order_line_id = l.order_line_id
            ) h
            WHERE l.refund_id = NEW.id AND (l.amount_fen > h.fen OR l.quantity > h.pieces))
    ) OR NEW.replaces_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM payments_refund v
        WHERE v.id = NEW.replaces_id AND v.payment_id = NEW.payment_id AND v.state = 'voided'
    ) THEN
        RAISE EXCEPTION 'a refund is void when others of its payment took its whole place'
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payments_refund_replaced AFTER INSERT OR UPDATE OF state ON payments_refund
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.state = 'voided' OR NEW.replaces_id IS NOT NULL) EXECUTE FUNCTION payments_refuse_void();
"""

UNREPLACED = """
DROP TRIGGER payments_refund_replaced ON payments_refund;
DROP FUNCTION payments_refuse_void();
"""

EDGES = {
    "requested": ["sent", "succeeded", "failed"],
    "sent": ["succeeded", "failed"],
    "failed": ["sent", "succeeded"],
}
STATES = [
    ("requested", "requested"),
    ("sent", "sent"),
    ("succeeded", "succeeded"),
    ("failed", "failed"),
    ("voided", "void"),
]


class Migration(migrations.Migration):
    dependencies = [("payments", "0009_money_stays"), ("states", "0004_refuse_change")]

    operations = [
        migrations.AlterField(
            "refund",
            "state",
            models.CharField(choices=STATES, default="requested", max_length=10, verbose_name="state"),
        ),
        migrations.AddField(
            "refund",
            "replaces",
            models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="replaced_by",
                to="payments.refund",
                verbose_name="in the place of",
            ),
        ),
        migrations.AddIndex(
            "refund",
            models.Index(
                condition=models.Q(("replaces__isnull", False)), fields=["replaces"], name="refund_replacing"
            ),
        ),
        migrations.RunSQL(
            "DROP TRIGGER payments_refund_states ON payments_refund;", guard_states("payments_refund", EDGES).sql
        ),
        guard_states("payments_refund", EDGES | {"failed": ["sent", "succeeded", "voided"]}),
        migrations.RunSQL(
            WITHIN.format(but_void=" AND r.state <> 'voided'"),
            WITHIN.format(but_void=""),
        ),
        guard_facts("payments_refund", ["replaces_id"], name="place"),
        migrations.RunSQL(REPLACED, UNREPLACED),
    ]
