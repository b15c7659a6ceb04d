"""``work_forget``: open work that its cause has made pointless, for one-statement writers."""

from django.db import migrations

FORGET = """
CREATE FUNCTION work_forget(p_whats text[], p_subjects text[]) RETURNS void LANGUAGE sql AS $$
    DELETE FROM work_due d
    USING unnest(p_whats, p_subjects) AS f(what, subject)
    WHERE d.what = f.what AND d.subject = f.subject AND d.state <> 'done';
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("work", "0006_waiting")]

    operations = [migrations.RunSQL(FORGET, "DROP FUNCTION work_forget;")]
