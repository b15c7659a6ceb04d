"""Pictures of cases leave the public folder: each becomes a private picture with both renditions."""

import io

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage, storages
from django.db import migrations
from django.utils import timezone
from PIL import Image


def renditions(data):
    with Image.open(io.BytesIO(data)) as picture:
        size, small = picture.size, picture.convert("RGB")
    small.thumbnail((400, 400))
    target = io.BytesIO()
    small.save(target, "WEBP", quality=82)
    return size, target.getvalue()


def take_in(apps, schema_editor):
    Evidence, Photo = apps.get_model("aftersales", "Evidence"), apps.get_model("aftersales", "EvidencePhoto")
    Picture = apps.get_model("media", "Picture")
    private, now = storages["private"], timezone.now()
    for said in Evidence.objects.exclude(image="").iterator():
        name = said.image.name
        if not default_storage.exists(name):
            continue
        with default_storage.open(name) as file:
            data = file.read()
        (width, height), small = renditions(data)
        stem, dot, suffix = name.rpartition(".")
        private.save(name, ContentFile(data))
        private.save(f"{stem}-400{dot}{suffix}", ContentFile(small))
        picture = Picture.objects.create(
            purpose="evidence",
            is_private=True,
            file=name,
            width=min(width, 800),
            height=min(height, 800),
            created_at=said.at,
            attached_at=said.at,
            drawn_at=now,
        )
        Photo.objects.create(evidence=said, picture=picture, position=0)
        default_storage.delete(name)


class Migration(migrations.Migration):
    dependencies = [("aftersales", "0003_evidence_photos")]

    operations = [migrations.RunPython(take_in, migrations.RunPython.noop)]
