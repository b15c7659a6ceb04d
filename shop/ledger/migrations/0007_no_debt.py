"""``ledger_post`` walks entry by entry only where an account that is credited first owes something."""

import importlib

from django.db import migrations

POST = importlib.import_module("shop.ledger.migrations.0003_posting").POST

BEFORE = "    IF EXISTS (SELECT FROM unnest(p_rests, p_firsts) AS e(rest, first) WHERE rest > 0 OR first > 0) THEN\n"

# Accounts credited first are locked by now. One that holds nothing and that no entry of this call raises gets
# nothing of any entry, so the entries stand as they were given. A raise is an entry's debit or debit_rest.
AFTER = """    IF EXISTS (SELECT FROM unnest(p_rests) AS e(rest) WHERE rest > 0) OR EXISTS (
        SELECT FROM (SELECT DISTINCT first FROM unnest(p_firsts) AS e(first) WHERE first > 0) f
        JOIN ledger_account x ON x.id = v_accounts[f.first]
        WHERE x.kind NOT IN ('asset', 'expense') OR x.debits_fen <> x.credits_fen OR f.first = ANY (p_debits)
    ) THEN
"""

_PRIVILEGES = "REVOKE ALL ON FUNCTION ledger_post FROM PUBLIC;\n"


def replaced(text: str) -> str:
    """Return the function as a replacement, which keeps its owner and its rights."""
    return text.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION").replace(_PRIVILEGES, "")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_rights")]

    operations = [migrations.RunSQL(replaced(POST.replace(BEFORE, AFTER)), replaced(POST))]
