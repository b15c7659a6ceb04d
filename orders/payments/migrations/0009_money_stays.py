"""What the database refuses of payments and refunds, also: to unsay what was said, and more back than came in.

The counters of a payment and of a line are conditional updates. Should somebody forget them, the refunds themselves are
added up here; the payment's row is locked for it, as whoever writes a refund has done already.
"""

from django.db import migrations

from shop.states.guards import guard_facts, guard_stays

WITHIN = """
CREATE FUNCTION payments_refuse_too_much() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_exceeds boolean;
BEGIN
    IF TG_TABLE_NAME = 'payments_refund' THEN
        PERFORM FROM payments_payment p
        WHERE p.id IN (SELECT payment_id FROM added) ORDER BY p.id FOR NO KEY UPDATE;
        SELECT true INTO v_exceeds
        FROM (SELECT DISTINCT payment_id FROM added) a
        JOIN payments_payment p ON p.id = a.payment_id
        WHERE p.amount_fen < (SELECT sum(r.amount_fen) FROM payments_refund r WHERE r.payment_id = p.id);
    ELSE
        SELECT true INTO v_exceeds
        FROM (SELECT DISTINCT order_line_id FROM added) a
        JOIN lifecycle_orderline l ON l.id = a.order_line_id
        CROSS JOIN LATERAL (
            SELECT sum(r.amount_fen) AS fen, sum(r.quantity) AS pieces
            FROM payments_refundline r WHERE r.order_line_id = l.id
        ) x
        WHERE x.fen > l.paid_fen OR x.pieces > l.quantity;
    END IF;
    IF v_exceeds THEN
        RAISE EXCEPTION 'no more goes back than was paid'
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_refund_within AFTER INSERT ON payments_refund
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse_too_much();
CREATE TRIGGER payments_refundline_within AFTER INSERT ON payments_refundline
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse_too_much();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0008_payers"), ("states", "0004_refuse_change")]

    operations = [
        migrations.RunSQL(WITHIN, "DROP FUNCTION payments_refuse_too_much() CASCADE;"),
        guard_stays(
            "payments_payment",
            once=["transaction_id", "is_applied"],
            growing=["refunded_fen", "refund_count"],
        ),
        guard_facts("payments_refund", ["payment_id", "cause", "freight_fen"]),
    ]
