"""``accounts_user_of_token``: who signs a request of the API, planned once a session instead of at each request."""

from django.db import migrations

USER_OF_TOKEN = """
CREATE FUNCTION accounts_user_of_token(p_token_hash text, p_now timestamptz) RETURNS SETOF accounts_user
LANGUAGE plpgsql STABLE ROWS 1 AS $$
BEGIN
    RETURN QUERY
    SELECT person.* FROM accounts_accesstoken token JOIN accounts_user person ON person.id = token.user_id
    WHERE token.token_hash = p_token_hash AND token.kind = 'access' AND token.revoked_at IS NULL
      AND token.expires_at > p_now AND person.is_active;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_openid_index")]

    operations = [migrations.RunSQL(USER_OF_TOKEN, "DROP FUNCTION accounts_user_of_token;")]
