"""Pictures that were there before uploads were kept: each gets its row and its real size."""

from django.core.files.storage import default_storage
from django.db import migrations
from django.utils import timezone
from PIL import Image


def size_of(name):
    try:
        with default_storage.open(name) as file, Image.open(file) as picture:
            return picture.size
    except OSError:
        # The row outlived its file; a square keeps the page's shape.
        return 800, 800


def adopt(apps, schema_editor):
    Picture = apps.get_model("media", "Picture")
    now = timezone.now()
    for image in apps.get_model("catalogue", "ProductImage").objects.filter(picture=None).exclude(file="").iterator():
        image.width, image.height = size_of(image.file.name)
        image.picture = Picture.objects.create(
            purpose="product",
            file=image.file.name,
            width=image.width,
            height=image.height,
            created_at=now,
            attached_at=now,
            drawn_at=now,
        )
        image.save(update_fields=["picture", "width", "height"])


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0003_uploaded_pictures")]

    operations = [migrations.RunPython(adopt, migrations.RunPython.noop)]
