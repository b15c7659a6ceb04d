"""The staff admin: every page opens, acts work and refuse in words, nobody acts without the permission."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from distributors.links.actions import bind_customer, create_link
from distributors.stores import actions as stores
from shop.accounts.models import User
from shop.base.backoffice import Acting
from shop.panel.site import supplier_site
from shop.states.models import StateChange
from tests import world
from tests.orders import trade
from tests.shop.offices import PAGES, address, staff, withdrawal
from tests.standing import standing

ACTS = [(label, act.name) for label, page in PAGES.items() if isinstance(page, Acting) for act in page.acts]


@pytest.fixture(scope="module")
def filled(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A little of everything, made once for this module and taken back after it."""
    with standing(django_db_blocker):
        world.rule(1_000, 300)
        ahe = world.ahe()
        tea = world.product(world.yunling(), "云岭白茶")
        stores.list_product(store=ahe, product=tea, now=world.now())
        create_link(store=ahe, target="store", now=world.now())
        bind_customer(store=ahe, user=world.customer(), reason="test", now=world.now())
        order = trade.bought((tea, 1))
        trade.settle(trade.complete(order))
        withdrawal(ahe, 100)
        yield


@pytest.fixture
def there(filled: None, db: None) -> None:
    """The module's rows, in a transaction of the test's own."""


# --- every page --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", PAGES)
def test_every_page_opens_for_a_superuser(there: None, client: Client, label: str) -> None:
    client.force_login(staff("主管", everything=True))
    for query in ("", "?q=a", "?o=1"):
        assert client.get(address(label, "changelist") + query).status_code == 200, query
    assert client.get(address(label, "add")).status_code in (200, 403)
    row = PAGES[label].model._default_manager.order_by("-pk").first()
    if row is not None:
        for page in ("change", "history"):
            assert client.get(address(label, page, row.pk)).status_code == 200, page


@pytest.mark.parametrize(("label", "name"), ACTS)
def test_every_act_asks_first_and_answers_in_words(there: None, client: Client, label: str, name: str) -> None:
    client.force_login(staff("主管", everything=True))
    row = PAGES[label].model._default_manager.order_by("pk").first()
    if row is None:
        assert client.get(address(label, f"act_{name}", 1)).status_code == 404
        return
    path = address(label, f"act_{name}", row.pk)
    before = StateChange.objects.count()
    assert client.get(path).status_code == 200
    assert StateChange.objects.count() == before
    # Nothing filled in: done where nothing is asked, else refused on the same page.
    assert client.post(path, {"x": "1"}).status_code in (302, 400)


@pytest.mark.parametrize("label", PAGES)
def test_staff_without_permission_are_refused(there: None, client: Client, label: str) -> None:
    client.force_login(staff())
    assert client.get(address(label, "changelist")).status_code == 403
    row = PAGES[label].model._default_manager.order_by("pk").first()
    if row is not None:
        assert client.get(address(label, "change", row.pk)).status_code == 403
        for act in getattr(PAGES[label], "acts", ()):
            path = address(label, f"act_{act.name}", row.pk)
            assert client.post(path, {"reason": "r", "x": "1"}).status_code == 403, act.name


@pytest.mark.django_db
def test_customers_and_strangers_stay_outside(client: Client) -> None:
    world.person("苏 Su")
    for who in (None, User.objects.get(name="苏 Su")):
        if who is not None:
            client.force_login(who)
        assert client.get(reverse("admin:index")).status_code == 302


def test_every_sidebar_entry_leads_somewhere(there: None, client: Client) -> None:
    client.force_login(staff("主管", everything=True))
    entries = 0
    for group in client.get(reverse("admin:index")).context["sidebar_navigation"]:
        for item in group["items"]:
            entries += 1
            assert client.get(str(item["link"])).status_code == 200, item["title"]
    assert entries == 37
    client.force_login(world.yunling().members.get().user)
    panel = [
        str(item["link"])
        for group in client.get(reverse("supplier:index")).context["sidebar_navigation"]
        for item in group["items"]
    ]
    assert [client.get(link).status_code for link in panel] == [200] * len(panel)
    # Everything that is registered can be reached, but for the shelves, which are chosen from.
    assert len(panel) == len(supplier_site._registry) - 1


def test_the_sidebar_shows_what_one_may_look_at(there: None, client: Client) -> None:
    client.force_login(staff(may=("payouts.view_withdrawal",)))
    groups = client.get(reverse("admin:index")).context["sidebar_navigation"]
    links = {
        str(item["link"]).partition("?")[0]
        for group in groups
        for item in group["items"]
        if item.get("has_permission", True)
    }
    assert links == {"/admin/payouts/withdrawal/"}


def test_numbers_beside_what_waits(there: None, client: Client) -> None:
    client.force_login(staff("主管", everything=True))
    groups = client.get(reverse("admin:index")).context["sidebar_navigation"]
    numbers = [str(item["badge_callback"]) for item in groups[0]["items"]]
    # One withdrawal waits; goods, applications and disputes do not.
    assert numbers == ["0", "0", "1", "0"]


def test_every_column_has_a_name_in_the_reader_s_language() -> None:
    """A field that nobody named is called by its name in the code, in English, whatever the language."""
    unnamed = {
        f"{shown.model._meta.label}.{name}"
        for site in (admin.site, supplier_site)
        for page in site._registry.values()
        for shown in (page, *page.inlines)
        if shown.model._meta.app_label != "auth"
        for name in {*getattr(shown, "list_display", ()), *(shown.fields or ())}
        for field in shown.model._meta.fields
        if field.name == name and isinstance(field.verbose_name, str)
    }
    assert unnamed == set()
