"""Closing a day waits for older transactions of this database only: no other one can join a day of these books.

A snapshot knows of all transactions of the server; that one of another database was still writing kept days open. Who
holds the lock on its own transaction's number is in one; a prepared transaction belongs to nobody, and is waited for.
"""

from importlib import import_module

from django.db import migrations

BEFORE: str = import_module("shop.ledger.migrations.0004_closing").CLOSE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
ANY = "        EXIT WHEN pg_snapshot_xmin(pg_current_snapshot()) >= v_xid;\n"
OWN = """        PERFORM pg_stat_clear_snapshot();
        EXIT WHEN NOT EXISTS (
            SELECT FROM pg_locks l
            LEFT JOIN pg_stat_activity a ON a.pid = l.pid
            WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
              AND age(l.transactionid) > age(v_xid::xid)
              AND coalesce(a.datid, v_database) = v_database
        );
"""
CLOSE = BEFORE.replace(ANY, OWN).replace(
    "    v_xid xid8;\n",
    "    v_xid xid8;\n    v_database oid := (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());\n",
)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0008_plans")]

    operations = [migrations.RunSQL(CLOSE, BEFORE)]
