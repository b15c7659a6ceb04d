from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("work", "0001_initial"), ("ledger", "0002_guards")]

    operations = [
        migrations.RunSQL(
            "CREATE VIEW audit.due_work AS SELECT what, subject, due_at, state, attempts, "
            "last_error, created_at, done_at FROM work_due;",
            "DROP VIEW audit.due_work;",
        )
    ]
