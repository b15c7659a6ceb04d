"""A person's own pages: profile, address book, messages."""

import re

import pytest
from django.test import Client

from shop.accounts.models import Address, User
from tests import world

pytestmark = pytest.mark.django_db

CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-CN"}
WEST_LAKE = {"level1": "330000", "level2": "330100", "level3": "330106"}


@pytest.fixture
def su(client: Client) -> User:
    """苏 Su, signed in."""
    person = world.person("苏 Su")
    client.force_login(person)
    world.places()
    return person


def facts(**changes: str) -> dict[str, str]:
    return {"name": "苏", "phone": "13800000001", "detail": "灵隐路 1 号", **WEST_LAKE, **changes}


def names(client: Client) -> list[str]:
    return re.findall(r'font-medium">([^<]+)<span class="num', client.get("/me/addresses/").content.decode())


@pytest.mark.parametrize("address", ["/me/", "/me/profile/", "/me/addresses/", "/me/messages/"])
def test_strangers_sign_in_first_and_come_back(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 302
    assert response.headers["Location"] == f"/sign-in/?next={address.replace('/', '%2F')}"


def test_fragments_tell_htmx_where_to_sign_in(client: Client) -> None:
    headers = {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": "http://testserver/p/x/?sku=1"}
    response = client.get("/me/", **headers)
    assert response.status_code == 401
    assert response.headers["X-Sign-In"] == "/sign-in/?next=%2Fp%2Fx%2F%3Fsku%3D1"


def test_personal_pages_are_kept_by_nobody(client: Client, su: User) -> None:
    assert client.get("/me/").headers["Cache-Control"] == "no-store, private"


def test_address_is_saved_down_to_the_county(client: Client, su: User) -> None:
    response = client.post("/me/addresses/new/", facts())
    assert response.headers["Location"] == "/me/addresses/"
    saved = Address.objects.get(user=su)
    assert (saved.region_code, saved.region_names) == ("330106", "浙江省 杭州市 西湖区")
    assert (saved.name, saved.detail, saved.is_default) == ("苏", "灵隐路 1 号", True)


def test_address_needs_a_place_that_is_deep_enough(client: Client, su: User) -> None:
    html = client.post("/me/addresses/new/", facts(level3=""), **CHINESE).content.decode()
    assert "请选择省、市、区县" in html
    # What was typed is still there.
    assert 'value="灵隐路 1 号"' in html
    assert not Address.objects.exists()


def test_a_county_of_another_city_is_no_choice(client: Client, su: User) -> None:
    client.post("/me/addresses/new/", facts(level3="540102"))
    assert not Address.objects.exists()


def test_region_chooser_offers_the_next_level(client: Client, su: User) -> None:
    html = client.get("/regions/", {"level1": "330000", "level2": "330100"}).content.decode()
    selects = re.findall(r'name="(level\d)"', html)
    assert selects == ["level1", "level2", "level3"]
    assert 'value="330106"' in html
    assert 'value="540102"' not in html


def test_without_script_the_next_level_comes_with_the_form(client: Client, su: User) -> None:
    sent = facts(level2="", level3="", step="region")
    html = client.post("/me/addresses/new/", sent, **CHINESE).content.decode()
    assert re.findall(r'name="(level\d)"', html) == ["level1", "level2"]
    assert "field-error" not in html
    assert not Address.objects.exists()


def test_way_back_to_the_checkout_stays_on_the_site(client: Client, su: User) -> None:
    for target, place in (("/checkout/?sku=k1", "/checkout/?sku=k1"), ("//evil.example", "/me/addresses/")):
        response = client.post("/me/addresses/new/", facts(next=target))
        assert response.headers["Location"] == place


def test_another_s_address_is_not_there(client: Client, su: User) -> None:
    theirs = world.address(world.person("周 Zhou"))
    for place, method in (("", "get"), ("", "post"), ("default/", "post"), ("remove/", "post"), ("restore/", "post")):
        response = getattr(client, method)(f"/me/addresses/{theirs.number}/{place}", facts())
        assert response.status_code in (302, 404), place
    theirs.refresh_from_db()
    assert (theirs.removed_at, theirs.name, theirs.is_default) == (None, "周 Zhou", True)
    assert client.get(f"/me/addresses/{theirs.number}/").status_code == 404


def test_removing_can_be_undone(client: Client, su: User) -> None:
    mine = world.address(su)
    client.post(f"/me/addresses/{mine.number}/remove/")
    page = client.get("/me/addresses/", **CHINESE).content.decode()
    assert f"/me/addresses/{mine.number}/restore/" in page
    assert names(client) == []
    client.post(f"/me/addresses/{mine.number}/restore/")
    assert len(names(client)) == 1


def test_default_moves(client: Client, su: User) -> None:
    client.post("/me/addresses/new/", facts(name="甲"))
    client.post("/me/addresses/new/", facts(name="乙"))
    # Names are sealed, so the database cannot look for one.
    (second,) = (one for one in Address.objects.all() if one.name == "乙")
    client.post(f"/me/addresses/{second.number}/default/")
    assert list(Address.objects.filter(is_default=True).values_list("name", flat=True)) == ["乙"]


def test_profile_name(client: Client, su: User) -> None:
    client.post("/me/profile/", {"name": "  苏州来的苏 "})
    su.refresh_from_db()
    assert su.name == "苏州来的苏"
    html = client.post("/me/profile/", {"name": "长" * 41}, **CHINESE).content.decode()
    assert 'id="id_name_error"' in html


def test_names_are_shown_as_text(client: Client, su: User) -> None:
    client.post("/me/profile/", {"name": "<img src=x onerror=alert(1)>"})
    html = client.get("/me/").content.decode()
    assert "<img src=x" not in html
