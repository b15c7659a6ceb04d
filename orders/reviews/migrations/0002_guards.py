"""What the database refuses: other lives of a review, and rewriting what was said."""

from django.db import migrations

from shop.states.guards import guard_states

EDGES = {"shown": ["hidden"], "hidden": ["shown"]}

# What a person said stays what she said; hiding is another column.
WORDS = """
CREATE FUNCTION reviews_words_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what a review says may not be changed' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER reviews_review_words BEFORE UPDATE ON reviews_review FOR EACH ROW
    WHEN (OLD.stars <> NEW.stars OR OLD.service_stars <> NEW.service_stars OR OLD.order_line_id <> NEW.order_line_id
          OR OLD.product_id <> NEW.product_id OR OLD.photo_count <> NEW.photo_count
          OR (OLD.answered_at IS NOT NULL AND OLD.answer <> NEW.answer))
    EXECUTE FUNCTION reviews_words_guard();
"""
NO_WORDS = "DROP TRIGGER reviews_review_words ON reviews_review; DROP FUNCTION reviews_words_guard();"


class Migration(migrations.Migration):
    dependencies = [("reviews", "0001_initial"), ("states", "0002_guards")]

    operations = [
        guard_states("reviews_review", EDGES),
        guard_states("reviews_followup", EDGES),
        migrations.RunSQL(WORDS, NO_WORDS),
    ]
