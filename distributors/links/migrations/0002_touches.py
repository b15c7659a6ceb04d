"""Touches: partitioned by month from the beginning, append-only, with doors to open and drop months."""

from django.db import migrations, models

from shop.states.guards import guard_append_only

TABLE = """
CREATE TABLE links_touch (
    number varchar(20) NOT NULL,
    at timestamptz NOT NULL,
    token varchar(16) NOT NULL,
    store_id bigint NOT NULL,
    product_id bigint NULL,
    channel varchar(8) NOT NULL,
    visitor_hash varchar(64) NOT NULL,
    user_id bigint NULL,
    CONSTRAINT links_touch_pkey PRIMARY KEY (at, number)
) PARTITION BY RANGE (at);
COMMENT ON TABLE links_touch IS 'append-only: one row per opening';
CREATE INDEX links_touch_visitor ON links_touch (visitor_hash, at DESC);
CREATE INDEX links_touch_user ON links_touch (user_id, at DESC) WHERE user_id IS NOT NULL;
CREATE INDEX links_touch_store ON links_touch (store_id, at DESC);
CREATE TABLE links_touch_default PARTITION OF links_touch DEFAULT;
"""

# The app's role owns nothing, so months are opened and dropped through these two functions. What the
# default partition caught for a month that was opened late moves into it; a detached partition has
# none of the parent's triggers. Months are those of UTC.
MONTHS = """
CREATE FUNCTION links_touch_open_months(p_from date, p_count integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    v_month date := date_trunc('month', p_from)::date;
    v_next date;
    v_name text;
    v_made integer := 0;
BEGIN
    IF p_count NOT BETWEEN 1 AND 24 THEN
        RAISE EXCEPTION 'open 1 to 24 months at a time' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    LOCK TABLE links_touch IN SHARE UPDATE EXCLUSIVE MODE;
    FOR i IN 1..p_count LOOP
        v_next := (v_month + interval '1 month')::date;
        v_name := 'links_touch_' || to_char(v_month, 'YYYYMM');
        IF to_regclass(v_name) IS NULL THEN
            IF EXISTS (SELECT FROM links_touch_default
                       WHERE at >= v_month::timestamptz AND at < v_next::timestamptz) THEN
                ALTER TABLE links_touch DETACH PARTITION links_touch_default;
                EXECUTE format('CREATE TABLE %I PARTITION OF links_touch FOR VALUES FROM (%L) TO (%L)',
                               v_name, v_month::timestamptz, v_next::timestamptz);
                EXECUTE format('INSERT INTO %I SELECT * FROM links_touch_default '
                               'WHERE at >= %L AND at < %L',
                               v_name, v_month::timestamptz, v_next::timestamptz);
                DELETE FROM links_touch_default
                WHERE at >= v_month::timestamptz AND at < v_next::timestamptz;
                ALTER TABLE links_touch ATTACH PARTITION links_touch_default DEFAULT;
            ELSE
                EXECUTE format('CREATE TABLE %I PARTITION OF links_touch FOR VALUES FROM (%L) TO (%L)',
                               v_name, v_month::timestamptz, v_next::timestamptz);
            END IF;
            v_made := v_made + 1;
        END IF;
        v_month := v_next;
    END LOOP;
    RETURN v_made;
END $$;

CREATE FUNCTION links_touch_drop_before(p_before date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    v_name text;
    v_dropped integer := 0;
BEGIN
    -- An order may still rest on the touches of two months.
    IF p_before > (date_trunc('month', now()) - interval '1 month')::date THEN
        RAISE EXCEPTION 'touches of this and the last month are kept'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR v_name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'links_touch'::regclass AND c.relname ~ '^links_touch_[0-9]{6}$'
          AND to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month' <= p_before
        ORDER BY 1
    LOOP
        EXECUTE format('DROP TABLE %I', v_name);
        v_dropped := v_dropped + 1;
    END LOOP;
    RETURN v_dropped;
END $$;

SELECT links_touch_open_months((now() - interval '1 month')::date, 5);
"""

UNMONTHS = """
DROP FUNCTION links_touch_open_months(date, integer);
DROP FUNCTION links_touch_drop_before(date);
"""

# A bond ends, or its visitor turns out to be a person; nothing else about it changes.
BONDS = """
CREATE FUNCTION links_guard_bond() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - '{ended_at,user_id}'::text[] = to_jsonb(OLD) - '{ended_at,user_id}'::text[]
       AND (OLD.ended_at IS NULL OR NEW.ended_at = OLD.ended_at)
       AND (OLD.user_id IS NULL OR NEW.user_id = OLD.user_id) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a bond is ended, never edited' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER links_bond_kept BEFORE UPDATE ON links_bond
    FOR EACH ROW EXECUTE FUNCTION links_guard_bond();
"""

UNBONDS = """
DROP TRIGGER links_bond_kept ON links_bond;
DROP FUNCTION links_guard_bond();
"""


class Migration(migrations.Migration):
    dependencies = [("links", "0001_initial"), ("states", "0002_guards")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Touch",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "at",
                                "number",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("number", models.CharField(max_length=20)),
                        ("at", models.DateTimeField()),
                        ("token", models.CharField(max_length=16)),
                        ("store_id", models.BigIntegerField()),
                        ("product_id", models.BigIntegerField(null=True)),
                        ("channel", models.CharField(max_length=8)),
                        ("visitor_hash", models.CharField(max_length=64)),
                        ("user_id", models.BigIntegerField(null=True)),
                    ],
                    options={
                        "verbose_name": "touch",
                        "verbose_name_plural": "touches",
                        "db_table": "links_touch",
                    },
                )
            ],
            database_operations=[migrations.RunSQL(TABLE, "DROP TABLE links_touch;")],
        ),
        migrations.RunSQL(MONTHS, UNMONTHS),
        guard_append_only("links_touch"),
        migrations.RunSQL(BONDS, UNBONDS),
    ]
