"""What the database refuses of orders, also: a state that its money does not bear out, and time or money counted back."""

from django.db import migrations, models

from shop.states.guards import guard_stays

# The return window is whole days from the receipt, never less: money that is not due is not settled.
WINDOW = """
CREATE TRIGGER lifecycle_orderline_window BEFORE UPDATE OF received_at, window_ends_at ON lifecycle_orderline
    FOR EACH ROW WHEN (NEW.window_ends_at IS NOT NULL AND NEW.window_ends_at IS DISTINCT FROM OLD.window_ends_at AND (
        NEW.received_at IS NULL OR NEW.window_ends_at < NEW.received_at + NEW.return_days * interval '24 hours'))
    EXECUTE FUNCTION states_refuse_change();
"""
NOT_PAID = models.Q(state__in=["placed", "cancelled"])


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0010_sums_stay"), ("states", "0004_refuse_change")]

    operations = [
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=(NOT_PAID & models.Q(paid_fen=0)) | (~NOT_PAID & models.Q(paid_fen=models.F("payable_fen"))),
                name="order_paid_as_its_state_says",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=~models.Q(state="refunded") | models.Q(refunded_fen=models.F("paid_fen")),
                name="order_refunded_is_all_of_it",
            ),
        ),
        guard_stays("lifecycle_order", growing=["refunded_fen"]),
        guard_stays("lifecycle_supplierorder", growing=["refunded_fen", "freight_refunded_fen"]),
        guard_stays(
            "lifecycle_orderline",
            once=["received_at", "window_ends_at"],
            growing=["refunded_fen", "refunded_quantity"],
        ),
        migrations.RunSQL(WINDOW, "DROP TRIGGER lifecycle_orderline_window ON lifecycle_orderline;"),
    ]
