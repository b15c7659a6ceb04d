"""Portraits that were there before: one rendition each; the small one is the same file again."""

from django.core.files.storage import default_storage
from django.db import migrations


def add_small(apps, schema_editor):
    for store in apps.get_model("stores", "Store").objects.exclude(portrait="").iterator():
        stem, dot, suffix = store.portrait.name.rpartition(".")
        small = f"{stem}-400{dot}{suffix}"
        if default_storage.exists(store.portrait.name) and not default_storage.exists(small):
            with default_storage.open(store.portrait.name) as file:
                default_storage.save(small, file)


class Migration(migrations.Migration):
    dependencies = [("stores", "0003_uploaded_portrait")]

    operations = [migrations.RunPython(add_small, migrations.RunPython.noop)]
