"""What is searched gets its pinyin: the search words of every product are made anew, in batches."""

from django.db import migrations

from shop.catalogue.rules import index_text

_BATCH = 500


def make_anew(apps, schema_editor):
    Product = apps.get_model("catalogue", "Product")
    Category = apps.get_model("catalogue", "Category")
    shelves = {one.pk: one for one in Category.objects.all()}

    def names(category_id):
        found = []
        while category_id is not None and len(found) < 6:
            shelf = shelves[category_id]
            found += [shelf.name, shelf.name_en]
            category_id = shelf.parent_id
        return found

    last = 0
    while batch := list(
        Product.objects.filter(pk__gt=last).order_by("pk").select_related("supplier").prefetch_related("skus")[:_BATCH]
    ):
        for product in batch:
            around = names(product.category_id)
            words = [product.title, product.subtitle, product.keywords, *around, product.supplier.name]
            options = [value for sku in product.skus.all() for value in sku.option_values]
            spelled = [product.title, product.keywords, *around]
            product.search_text = index_text([*words, *options], spelled=spelled)
        Product.objects.bulk_update(batch, ["search_text"])
        last = batch[-1].pk


class Migration(migrations.Migration):
    # Batch by batch: products are sold meanwhile.
    atomic = False

    dependencies = [("catalogue", "0006_covers"), ("suppliers", "0001_initial")]

    operations = [migrations.RunPython(make_anew, migrations.RunPython.noop)]
