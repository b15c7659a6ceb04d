"""What was bought keeps its picture, whatever becomes of the product's own."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.test import Client

from shop.catalogue import pictures
from shop.media.rules import small_name
from shop.work.sweep import run_due
from tests import world
from tests.orders import trade
from tests.uploads import picture

pytestmark = pytest.mark.django_db


def test_an_order_keeps_the_picture_of_what_was_bought(client: Client, media_folder: Path) -> None:
    """A supplier takes both pictures off its tea: the one 苏's order shows stays, the other goes."""
    tea, long_ago = world.product(world.yunling(), "云岭白茶"), world.now() - timedelta(hours=1)
    cover, other = (pictures.add_picture(product=tea, data=picture(40, 40), now=long_ago) for _n in range(2))
    run_due(rounds_max=1)
    order = trade.bought((tea, 1))
    for image in (cover, other):
        image.refresh_from_db()
        pictures.remove_picture(product=tea, image_id=image.pk, now=long_ago)
    run_due(rounds_max=2)
    assert [default_storage.exists(small_name(image.file.name)) for image in (cover, other)] == [True, False]
    client.force_login(order.user)
    assert small_name(cover.file.name) in client.get(f"/orders/{order.number}/").content.decode()
    assert small_name(cover.file.name) not in client.get(f"/p/{tea.number}/").content.decode()
