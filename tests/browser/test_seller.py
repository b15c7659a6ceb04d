"""A store's owner at her desk on a phone, with the longest words she may write."""

from collections.abc import Callable

import pytest

from distributors.links.actions import create_link
from tests import world
from tests.browser.conftest import PHONE, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_long_words_stay_on_the_screen(visitor: Callable[..., Visitor]) -> None:
    ahe = world.ahe()
    create_link(store=ahe, target="store", label="三号楼和四号楼的邻居们周末一起买茶的群" * 2, now=world.now())
    seller = visitor(PHONE)
    page = seller.open("/sign-in/?way=password&next=/dashboard/links/")
    page.fill("[name=phone]", ahe.distributor.user.phone)
    page.fill("[name=password]", world.PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.get_by_role("heading", name="分享链接").wait_for()
    assert seller.overflow() <= 0
    assert seller.complaints == []
