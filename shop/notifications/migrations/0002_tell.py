"""``notifications_tell``: many messages in one call."""

from django.db import migrations

# Each is [person, kind, facts, link].
TELL = """
CREATE FUNCTION notifications_tell(p_messages json, p_at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO notifications_notification (user_id, kind, facts, link, created_at)
    SELECT (m.row ->> 0)::bigint, m.row ->> 1, (m.row -> 2)::jsonb, m.row ->> 3, p_at
    FROM json_array_elements(p_messages) WITH ORDINALITY AS m(row, n)
    ORDER BY m.n;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial")]

    operations = [migrations.RunSQL(TELL, "DROP FUNCTION notifications_tell;")]
