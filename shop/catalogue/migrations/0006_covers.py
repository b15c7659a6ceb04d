"""A product's cover is its first picture that is drawn, whoever changes the pictures."""

from django.db import migrations

FUNCTIONS = """
CREATE FUNCTION catalogue_cover(products bigint[]) RETURNS void LANGUAGE sql AS $$
    UPDATE catalogue_product p
    SET cover = first.cover
    FROM (
        SELECT wanted.id, (
            SELECT jsonb_build_object('file', image.file, 'width', image.width, 'height', image.height, 'alt', image.alt)
            FROM catalogue_productimage image
            WHERE image.product_id = wanted.id AND image.file <> ''
            ORDER BY image.position, image.id LIMIT 1
        ) AS cover
        FROM unnest(products) AS wanted(id)
    ) first
    WHERE p.id = first.id AND p.cover IS DISTINCT FROM first.cover
$$;
CREATE FUNCTION catalogue_pictures_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM catalogue_cover(array(SELECT DISTINCT product_id FROM changed ORDER BY product_id));
    RETURN NULL;
END $$;
CREATE TRIGGER catalogue_picture_added AFTER INSERT ON catalogue_productimage
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalogue_pictures_changed();
CREATE TRIGGER catalogue_picture_changed AFTER UPDATE ON catalogue_productimage
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalogue_pictures_changed();
CREATE TRIGGER catalogue_picture_removed AFTER DELETE ON catalogue_productimage
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION catalogue_pictures_changed();
SELECT catalogue_cover(array(SELECT DISTINCT product_id FROM catalogue_productimage));
"""

UNDO = """
DROP FUNCTION catalogue_pictures_changed() CASCADE;
DROP FUNCTION catalogue_cover(bigint[]);
"""


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0005_cards")]

    operations = [migrations.RunSQL(FUNCTIONS, UNDO)]
