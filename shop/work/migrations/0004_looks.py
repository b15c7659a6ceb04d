"""Work asked for anew by whoever works on it is another look, no failed try: its tries are counted from the start."""

from django.db import migrations

AFTER = """
CREATE OR REPLACE FUNCTION work_remember(p_what text, p_subject text, p_due_at timestamptz) RETURNS boolean
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
        attempts = CASE WHEN work_due.state = 'parked' OR work_due.claimed_until IS NOT NULL THEN 0
                        ELSE work_due.attempts END,
        state = 'open',
        claimed_until = NULL
    RETURNING due_at <= clock_timestamp() INTO v_is_due;
    RETURN v_is_due;
END $$;
"""

BEFORE = """
CREATE OR REPLACE FUNCTION work_remember(p_what text, p_subject text, p_due_at timestamptz) RETURNS boolean
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


class Migration(migrations.Migration):
    dependencies = [("work", "0003_remember")]

    operations = [migrations.RunSQL(AFTER, BEFORE)]
