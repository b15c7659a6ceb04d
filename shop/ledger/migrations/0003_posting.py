"""``ledger_post``: any number of journals in one statement, and the app's only door to the books.

The function runs with its owner's rights; the app's role may call it and may write nothing itself.
"""

from django.db import migrations

# Entries name their journal and accounts by position (from 1) in the arrays before them; position 0
# means none. Look-ups go by subscript or by index, never by joining two arrays, so that the time grows
# with the number of postings and not with its square whatever the planner guesses.
#
# Refusals that can be foreseen are returned before any journal is written, so that the caller's
# transaction stays usable: ('short', path, shortfall) and ('reused', key).
POST = """
CREATE FUNCTION ledger_post(
    p_at timestamptz,
    p_paths text[], p_account_kinds text[], p_guarded boolean[],
    p_kinds text[], p_references text[], p_keys text[], p_contents text[], p_reverses bigint[],
    p_journals integer[], p_debits integer[], p_credits integer[], p_amounts bigint[],
    p_rests integer[], p_firsts integer[]
) RETURNS TABLE (outcome text, posted bigint, subject text, shortfall_fen bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_accounts bigint[];
    v_balances bigint[];
    v_known text[];
    v_made bigint[];
    v_made_at timestamptz[];
    v_journals integer[] := p_journals;
    v_debits integer[] := p_debits;
    v_credits integer[] := p_credits;
    v_amounts bigint[] := p_amounts;
    v_part bigint;
    v_count integer := 0;
    v_account integer;
    v_subject text;
    v_short numeric;
BEGIN
    IF (SELECT count(DISTINCT j) FROM unnest(p_journals) j) <> cardinality(p_keys) THEN
        RAISE EXCEPTION 'every journal needs a transfer'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;

    -- Accounts: look them up, open the missing ones in one order, look again.
    FOR attempt IN 1..2 LOOP
        SELECT array_agg((SELECT x.id FROM ledger_account x WHERE x.path = a.path) ORDER BY a.n)
        INTO v_accounts FROM unnest(p_paths) WITH ORDINALITY AS a(path, n);
        EXIT WHEN array_position(v_accounts, NULL) IS NULL;
        INSERT INTO ledger_account (path, kind, guarded, debits_fen, credits_fen)
        SELECT a.path, a.kind, a.guarded, 0, 0
        FROM unnest(p_paths, p_account_kinds, p_guarded) WITH ORDINALITY AS a(path, kind, guarded, n)
        WHERE v_accounts[a.n] IS NULL
        ORDER BY a.path
        ON CONFLICT (path) DO NOTHING;
    END LOOP;

    PERFORM FROM ledger_account
    WHERE id = ANY (v_accounts) AND guarded ORDER BY id FOR NO KEY UPDATE;

    -- Keys that are there already: the same event again, or a mistake. Read after the locks, so that
    -- a rival with the same accounts is either not begun or visible.
    SELECT array_agg((SELECT x.content FROM ledger_journal x WHERE x.key = p.key) ORDER BY p.n)
    INTO v_known FROM unnest(p_keys) WITH ORDINALITY AS p(key, n);
    SELECT p.key INTO v_subject FROM unnest(p_keys, p_contents, v_known) AS p(key, content, known)
    WHERE p.known <> p.content;
    IF FOUND THEN
        RETURN QUERY SELECT 'reused', 0::bigint, v_subject, NULL::bigint;
        RETURN;
    END IF;

    -- Entries that split at what an account holds: one after the other, each seeing those before it.
    IF EXISTS (SELECT FROM unnest(p_rests, p_firsts) AS e(rest, first) WHERE rest > 0 OR first > 0) THEN
        SELECT array_agg((
            SELECT CASE WHEN x.kind IN ('asset', 'expense') THEN 1 ELSE -1 END
                * (x.debits_fen - x.credits_fen)
            FROM ledger_account x WHERE x.id = a.id
        ) ORDER BY a.n)
        INTO v_balances FROM unnest(v_accounts) WITH ORDINALITY AS a(id, n);
        v_journals := '{}'; v_debits := '{}'; v_credits := '{}'; v_amounts := '{}';
        FOR i IN 1..cardinality(p_amounts) LOOP
            CONTINUE WHEN v_known[p_journals[i]] IS NOT NULL;
            v_part := CASE
                WHEN p_rests[i] > 0 THEN least(p_amounts[i], greatest(v_balances[p_debits[i]], 0))
                WHEN p_firsts[i] > 0 THEN least(p_amounts[i], greatest(v_balances[p_firsts[i]], 0))
                ELSE p_amounts[i] END;
            FOR half IN 1..2 LOOP
                IF half = 2 THEN
                    v_part := p_amounts[i] - v_part;
                END IF;
                CONTINUE WHEN v_part = 0;
                v_count := v_count + 1;
                v_journals[v_count] := p_journals[i];
                v_amounts[v_count] := v_part;
                v_debits[v_count] :=
                    CASE WHEN half = 2 AND p_rests[i] > 0 THEN p_rests[i] ELSE p_debits[i] END;
                v_credits[v_count] :=
                    CASE WHEN half = 1 AND p_firsts[i] > 0 THEN p_firsts[i] ELSE p_credits[i] END;
                v_account := v_debits[v_count];
                v_balances[v_account] := v_balances[v_account] + v_part
                    * CASE WHEN p_account_kinds[v_account] IN ('asset', 'expense') THEN 1 ELSE -1 END;
                v_account := v_credits[v_count];
                v_balances[v_account] := v_balances[v_account] - v_part
                    * CASE WHEN p_account_kinds[v_account] IN ('asset', 'expense') THEN 1 ELSE -1 END;
            END LOOP;
        END LOOP;
    END IF;

    -- Nothing to judge where no guarded account is lowered, as when a batch is settled.
    IF EXISTS (
        SELECT FROM unnest(v_debits, v_credits) AS e(debit, credit)
        WHERE (p_guarded[e.debit] AND p_account_kinds[e.debit] NOT IN ('asset', 'expense'))
           OR (p_guarded[e.credit] AND p_account_kinds[e.credit] IN ('asset', 'expense'))
    ) THEN
        SELECT s.path, s.missing INTO v_subject, v_short FROM (
            SELECT a.id, a.path, (delta.debit_fen + a.debits_fen - delta.credit_fen - a.credits_fen)
                * CASE WHEN a.kind IN ('asset', 'expense') THEN -1 ELSE 1 END AS missing
            FROM (
                SELECT side.account_id, sum(side.debit_fen) AS debit_fen, sum(side.credit_fen) AS credit_fen
                FROM (
                    SELECT v_accounts[e.account] AS account_id, e.amount AS debit_fen, 0 AS credit_fen
                    FROM unnest(v_journals, v_debits, v_amounts) AS e(journal, account, amount)
                    WHERE v_known[e.journal] IS NULL
                    UNION ALL
                    SELECT v_accounts[e.account], 0, e.amount
                    FROM unnest(v_journals, v_credits, v_amounts) AS e(journal, account, amount)
                    WHERE v_known[e.journal] IS NULL
                ) side
                GROUP BY side.account_id
            ) delta
            JOIN ledger_account a ON a.id = delta.account_id
            WHERE a.guarded
        ) s
        WHERE s.missing > 0
        ORDER BY s.id;
        IF FOUND THEN
            RETURN QUERY SELECT 'short', 0::bigint, v_subject, v_short::bigint;
            RETURN;
        END IF;
    END IF;

    INSERT INTO ledger_journal (kind, reference, key, content, happened_at, reverses_id)
    SELECT p.kind, p.reference, p.key, p.content, p_at, nullif(p.reverses, 0)
    FROM unnest(p_kinds, p_references, p_keys, p_contents, p_reverses)
        WITH ORDINALITY AS p(kind, reference, key, content, reverses, n)
    WHERE v_known[p.n] IS NULL
    ORDER BY p.key
    ON CONFLICT (key) DO NOTHING;

    SELECT array_agg(j.id ORDER BY p.n), array_agg(j.posted_at ORDER BY p.n)
    INTO v_made, v_made_at
    FROM unnest(p_keys) WITH ORDINALITY AS p(key, n)
    LEFT JOIN ledger_journal j
        ON j.key = p.key AND j.posted_xid = pg_current_xact_id() AND v_known[p.n] IS NULL;

    -- A rival that shares no guarded account posted one of the keys in between.
    SELECT p.key INTO v_subject
    FROM unnest(p_keys, p_contents, v_known, v_made) AS p(key, content, known, made)
    WHERE p.known IS NULL AND p.made IS NULL
        AND p.content <> (SELECT x.content FROM ledger_journal x WHERE x.key = p.key);
    IF FOUND THEN
        RAISE EXCEPTION 'this key was used for another posting' USING
            ERRCODE = 'unique_violation', CONSTRAINT = 'ledger_key_reused', DETAIL = v_subject;
    END IF;

    INSERT INTO ledger_transfer (journal_id, debit_id, credit_id, amount_fen, posted_at)
    SELECT v_made[e.journal], v_accounts[e.debit], v_accounts[e.credit], e.amount,
        v_made_at[e.journal]
    FROM unnest(v_journals, v_debits, v_credits, v_amounts)
        WITH ORDINALITY AS e(journal, debit, credit, amount, n)
    WHERE v_made[e.journal] IS NOT NULL
    ORDER BY e.n;

    RETURN QUERY
        SELECT 'posted', count(*) FILTER (WHERE m IS NOT NULL), NULL::text, NULL::bigint
        FROM unnest(v_made) m;
END $$;
REVOKE ALL ON FUNCTION ledger_post FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_guards")]

    operations = [migrations.RunSQL(POST, "DROP FUNCTION ledger_post;")]
