"""Closing a day: its digest, chained to the day before, and the sums of unguarded accounts."""

from django.db import migrations

# docs/ledger.md describes the format for those who check it outside the database.
DIGEST = """
CREATE FUNCTION ledger_day_digest(
    p_date date, p_from timestamptz, p_until timestamptz, p_previous text,
    OUT transfers bigint, OUT digest text
) LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT count(*), encode(sha256(
        convert_to(json_build_array(
            p_previous, to_char(p_date, 'YYYY-MM-DD'), count(*))::text, 'UTF8')
        || coalesce(string_agg(sha256(convert_to(json_build_array(
            j.key, j.kind, j.reference, d.path, c.path, t.amount_fen,
            to_char(j.happened_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            to_char(t.posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        )::text, 'UTF8')), ''::bytea ORDER BY t.posted_at, t.id), ''::bytea)
    ), 'hex')
    FROM ledger_transfer t
    JOIN ledger_journal j ON j.id = t.journal_id
    JOIN ledger_account d ON d.id = t.debit_id
    JOIN ledger_account c ON c.id = t.credit_id
    WHERE t.posted_at >= p_from AND t.posted_at < p_until
$$;
REVOKE ALL ON FUNCTION ledger_day_digest FROM PUBLIC;
"""

# False: closed already, not over yet, or an older transaction is still open, which could yet commit
# a journal stamped within the day. Every transaction numbered before this one must have ended; this
# one got its number after the day did. Five minutes more forgive a clock that is set back a little.
CLOSE = """
CREATE FUNCTION ledger_close_day(p_date date, p_until timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_last ledger_dailydigest;
    v_from timestamptz;
    v_xid xid8;
BEGIN
    IF clock_timestamp() < p_until + interval '5 minutes' THEN
        RETURN false;
    END IF;
    LOCK TABLE ledger_dailydigest IN SHARE ROW EXCLUSIVE MODE;
    v_xid := pg_current_xact_id();
    FOR attempt IN 1..50 LOOP
        EXIT WHEN pg_snapshot_xmin(pg_current_snapshot()) >= v_xid;
        IF attempt = 50 THEN
            RETURN false;
        END IF;
        PERFORM pg_sleep(0.1);
    END LOOP;
    SELECT * INTO v_last FROM ledger_dailydigest ORDER BY date DESC LIMIT 1;
    IF v_last.date >= p_date THEN
        RETURN false;
    ELSIF v_last.date <> p_date - 1 OR v_last.until_at >= p_until THEN
        RAISE EXCEPTION 'days are closed one after the other'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    v_from := coalesce(v_last.until_at, '-infinity');

    INSERT INTO ledger_dailydigest (date, until_at, previous, digest, transfers_count)
    SELECT p_date, p_until, coalesce(v_last.digest, ''), d.digest, d.transfers
    FROM ledger_day_digest(p_date, v_from, p_until, coalesce(v_last.digest, '')) d;

    INSERT INTO ledger_closing (account_id, date, debits_fen, credits_fen)
    SELECT s.account_id, p_date,
        coalesce(before.debits_fen, 0) + s.debits_fen, coalesce(before.credits_fen, 0) + s.credits_fen
    FROM (
        SELECT side.account_id, sum(side.debit_fen) AS debits_fen, sum(side.credit_fen) AS credits_fen
        FROM ledger_line side
        WHERE side.posted_at >= v_from AND side.posted_at < p_until
        GROUP BY side.account_id
    ) s
    JOIN ledger_account a ON a.id = s.account_id AND NOT a.guarded
    LEFT JOIN LATERAL (
        SELECT c.debits_fen, c.credits_fen FROM ledger_closing c
        WHERE c.account_id = s.account_id ORDER BY c.date DESC LIMIT 1
    ) before ON true;
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION ledger_close_day FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_posting")]

    operations = [
        migrations.RunSQL(DIGEST, "DROP FUNCTION ledger_day_digest;"),
        migrations.RunSQL(CLOSE, "DROP FUNCTION ledger_close_day;"),
    ]
