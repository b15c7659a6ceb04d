"""``accounts_known_as``: the people an openid is known as."""

from django.db import migrations

# By the openid itself, whatever the app, and by the unionid that joins it with a person's others.
KNOWN_AS = """
CREATE FUNCTION accounts_known_as(p_openid text) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_openid = '' THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(
        SELECT w.user_id FROM accounts_wechatidentity w WHERE w.openid = p_openid
        UNION
        SELECT kin.user_id
        FROM accounts_wechatidentity w JOIN accounts_wechatidentity kin ON kin.unionid = w.unionid
        WHERE w.openid = p_openid AND w.unionid <> ''
    );
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_user_of_token")]

    operations = [migrations.RunSQL(KNOWN_AS, "DROP FUNCTION accounts_known_as;")]
