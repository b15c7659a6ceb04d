"""The demo: a neighbourhood whose books hold, played once, and whose days can pass."""

from io import StringIO
from random import Random

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from distributors.commissions.models import Commission
from distributors.stores.models import Store
from orders.demo import goods
from orders.demo.reviews import photo_at_home
from orders.lifecycle.models import Order
from orders.reviews.models import Review
from shop.accounts.models import User
from shop.catalogue.models import Category, Product, ProductImage
from shop.suppliers.models import Supplier
from shop.work.models import Due
from tests import world
from tests.uploads import picture

WITHIN = 14


@pytest.fixture
def played(transactional_db, sandbox, settings, tmp_path, monkeypatch):
    """A fortnight of the demo, without pictures: they take longer than everything else."""
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(goods.shutil, "which", lambda name: None)
    call_command("import_regions", verbosity=0, stdout=StringIO())
    call_command("demo", days=WITHIN, stdout=StringIO())
    return sandbox


def rows_of_everything() -> dict[str, int]:
    tables = [table for table in connection.introspection.table_names() if not table.startswith("django_")]
    with connection.cursor() as cursor:
        counts = {}
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")
            counts[table] = cursor.fetchone()[0]
    return counts


def test_the_demo_is_whole_holds_is_played_once_and_its_days_can_pass(played):
    assert (Category.objects.filter(level=1).count() >= 8, Supplier.objects.count()) == (True, 5)
    assert Product.objects.filter(state="on_sale").count() == 61 + 40
    assert (Store.objects.count(), User.objects.count() >= 30) == (5, True)
    assert {"placed", "paid"} <= set(Order.objects.values_list("state", flat=True))
    assert Review.objects.exclude(text="").exists()
    assert set(Commission.objects.values_list("level", flat=True)) == {1, 2}
    assert not Due.objects.filter(state="parked").exists()
    call_command("verify_all", stdout=StringIO())
    call_command("reconcile", stdout=StringIO())

    before = rows_of_everything()
    call_command("demo", days=WITHIN, stdout=StringIO())
    assert rows_of_everything() == before
    days_pass_and_money_settles()


def days_pass_and_money_settles() -> None:
    frozen = Commission.objects.filter(state="frozen").count()
    assert frozen > 0
    call_command("demo_shift", 40, stdout=StringIO())
    call_command("sweep", stdout=StringIO())
    # What was shipped counts as received now; a further week closes its window.
    call_command("demo_shift", 10, stdout=StringIO())
    call_command("sweep", stdout=StringIO())
    assert not Order.objects.filter(state="placed").exists()
    assert Commission.objects.filter(state="frozen").count() < frozen
    call_command("verify_all", stdout=StringIO())


def test_the_demo_keeps_away_from_real_shops(db, settings):
    settings.LINJIA_SANDBOX = False
    for command in (["demo"], ["demo_shift", "3"]):
        with pytest.raises(CommandError):
            call_command(*command)
    assert not User.objects.exists()


def test_without_a_renderer_there_are_no_pictures_and_no_complaint(settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(goods.shutil, "which", lambda name: None)
    assert goods.draw([{"name": "tea"}]) is None


@pytest.mark.django_db
def test_a_photo_at_home_is_the_goods_seen_nearer(media_folder):
    tea = world.product(world.yunling(), "云岭白茶")
    su = world.customer("苏 Su")
    assert photo_at_home(tea, su, Random(1), world.now()) == []
    name = default_storage.save("products/tea.webp", ContentFile(picture(800, 800, "WEBP")))
    ProductImage.objects.create(product=tea, file=name)
    (taken,) = photo_at_home(tea, su, Random(1), world.now())
    assert (taken.purpose, taken.uploader, 480 <= taken.width == taken.height < 620) == ("review", su, True)
