from django.db import migrations

from shop.states.guards import guard_states


class Migration(migrations.Migration):
    dependencies = [("payouts", "0006_two_people")]

    operations = [
        migrations.RunSQL("DROP TRIGGER payouts_withdrawal_states ON payouts_withdrawal;", migrations.RunSQL.noop),
        guard_states(
            "payouts_withdrawal",
            {
                "requested": ("agreed_once", "approved", "rejected", "cancelled"),
                "agreed_once": ("approved", "rejected", "cancelled"),
                "approved": ("sending", "rejected", "cancelled"),
                "sending": ("waiting_user", "unknown", "paid", "failed"),
                "unknown": ("waiting_user", "sending", "paid", "failed"),
                "waiting_user": ("paid", "failed"),
                "paid": (),
                "failed": (),
                "rejected": (),
                "cancelled": (),
            },
        ),
    ]
