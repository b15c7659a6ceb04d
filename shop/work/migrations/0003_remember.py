"""``work_remember`` and ``work_answer``: due work, and a caller's answered request, for one-statement writers."""

from django.db import migrations

# True when it is due already. A row being worked on right now is asked for anew: it is due at the new time, and
# the running claim may no longer call it done.
REMEMBER = """
CREATE FUNCTION work_remember(p_what text, p_subject text, p_due_at timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_is_due boolean;
BEGIN
    INSERT INTO work_due (what, subject, due_at, state, attempts, last_error, created_at)
    VALUES (p_what, p_subject, p_due_at, 'open', 0, '', now())
    ON CONFLICT (what, subject) WHERE NOT (state = 'done')
    DO UPDATE SET
        due_at = CASE WHEN work_due.claimed_until IS NULL AND work_due.state = 'open'
                      THEN LEAST(work_due.due_at, EXCLUDED.due_at) ELSE EXCLUDED.due_at END,
        attempts = CASE WHEN work_due.state = 'parked' THEN 0 ELSE work_due.attempts END,
        state = 'open',
        claimed_until = NULL
    RETURNING due_at <= clock_timestamp() INTO v_is_due;
    RETURN v_is_due;
END $$;
"""

# Keeps the answer of a request; false when this key is taken. A rival with the same key waits here until the
# other's transaction has ended, and goes on only if that one left nothing.
ANSWER = """
CREATE FUNCTION work_answer(p_caller text, p_key text, p_asked text, p_status integer, p_body jsonb)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO work_idempotencykey (caller, key, request_hash, status, body, created_at)
    VALUES (p_caller, p_key, p_asked, p_status, p_body, now())
    ON CONFLICT (caller, key) DO NOTHING;
    RETURN FOUND;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("work", "0002_audit")]

    operations = [
        migrations.RunSQL(REMEMBER, "DROP FUNCTION work_remember;"),
        migrations.RunSQL(ANSWER, "DROP FUNCTION work_answer;"),
    ]
