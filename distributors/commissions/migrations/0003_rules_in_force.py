"""``commissions_rules_in_force``: the rules of some scopes that apply at a moment, in one call."""

from django.db import migrations

RULES = """
CREATE FUNCTION commissions_rules_in_force(p_scopes text[], p_keys text[], p_now timestamptz) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT json_agg(json_build_array(
            r.number, r.scope, r.scope_key, r.level1_bp, r.level2_bp, r.effective_from, r.effective_until,
            r.funding, r.version))
        FROM (SELECT DISTINCT scope, key FROM unnest(p_scopes, p_keys) AS u(scope, key)) w
        JOIN commissions_commissionrule r ON r.scope = w.scope AND r.scope_key = w.key
        WHERE r.effective_from <= p_now AND (r.effective_until IS NULL OR r.effective_until > p_now)
    );
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("commissions", "0002_guards")]

    operations = [migrations.RunSQL(RULES, "DROP FUNCTION commissions_rules_in_force;")]
