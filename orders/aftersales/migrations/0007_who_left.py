"""What was said in a case stays as it was said, until the customer has left for good: then it may be emptied, and photos go."""

from django.db import migrations

_HAS_LEFT = """EXISTS (
    SELECT FROM aftersales_aftersale a
    JOIN lifecycle_order o ON o.id = a.order_id
    JOIN personal_leaving l ON l.user_id = o.user_id AND l.done_at IS NOT NULL
    WHERE a.id = {case})"""

GUARD = f"""
CREATE FUNCTION aftersales_guard_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.text = '' AND to_jsonb(NEW) - 'text' = to_jsonb(OLD) - 'text'
       AND {_HAS_LEFT.format(case="OLD.aftersale_id")} THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE FUNCTION aftersales_guard_photos() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE'
       AND {_HAS_LEFT.format(case="(SELECT e.aftersale_id FROM aftersales_evidence e WHERE e.id = OLD.evidence_id)")} THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
DROP TRIGGER aftersales_evidence_rows ON aftersales_evidence;
DROP TRIGGER aftersales_evidencephoto_rows ON aftersales_evidencephoto;
CREATE TRIGGER aftersales_evidence_rows BEFORE UPDATE OR DELETE ON aftersales_evidence
    FOR EACH ROW EXECUTE FUNCTION aftersales_guard_words();
CREATE TRIGGER aftersales_evidencephoto_rows BEFORE UPDATE OR DELETE ON aftersales_evidencephoto
    FOR EACH ROW EXECUTE FUNCTION aftersales_guard_photos();
"""
BEFORE = """
DROP FUNCTION aftersales_guard_words() CASCADE;
DROP FUNCTION aftersales_guard_photos() CASCADE;
CREATE TRIGGER aftersales_evidence_rows BEFORE UPDATE OR DELETE ON aftersales_evidence
    FOR EACH ROW EXECUTE FUNCTION append_only_guard();
CREATE TRIGGER aftersales_evidencephoto_rows BEFORE UPDATE OR DELETE ON aftersales_evidencephoto
    FOR EACH ROW EXECUTE FUNCTION append_only_guard();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("aftersales", "0006_waiting"),
        ("lifecycle", "0001_initial"),
        ("personal", "0001_initial"),
    ]

    operations = [migrations.RunSQL(GUARD, BEFORE)]
