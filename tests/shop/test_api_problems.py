"""Every refusal of the API is one kind of answer, and a refused request writes nothing."""

import json
import re
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.contrib.staticfiles import finders
from django.db import InterfaceError, OperationalError
from django.test import Client

from shop.accounts.models import AccessToken
from shop.gateways.contract import GatewayUnknown
from tests import world
from tests.asking import PROBLEM, Caller, changed, fingerprint, new_key, refused, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def su() -> Caller:
    return Caller(world.customer())


@pytest.mark.parametrize("path", ["/api/", "/api/v2/orders/", "nothing/", "orders/../../admin/", "products/%00/"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_an_unknown_address_is_a_problem(method: str, path: str) -> None:
    problem = refused(Caller().ask(method, path), 404, "not_found")
    assert problem["detail"] == "The API has no such address."


def test_an_address_without_its_slash_is_said_and_never_redirected(su: Caller) -> None:
    for method in ("GET", "POST"):
        problem = refused(su.ask(method, "orders"), 404)
        assert problem["detail"] == "The API has no such address. Addresses end with a slash."


def test_a_wrong_method_names_the_right_ones(su: Caller) -> None:
    answer = su.put("orders/", {})
    refused(answer, 405, "method_not_allowed")
    assert sorted(answer["Allow"].split(", ")) == ["GET", "OPTIONS", "POST"]


def test_an_answer_in_another_form_is_not_made() -> None:
    refused(Caller().get("categories/", Accept="text/html"), 406, "not_acceptable")


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/xml"])
def test_a_body_of_another_kind_is_refused(kind: str) -> None:
    answer = Caller().ask("POST", "auth/codes/", raw="phone=13800000001", content_type=kind)
    refused(answer, 415, "unsupported_media_type")


BODIES = {
    "cut off": '{"phone": "138',
    "not JSON": "phone",
    "NaN": '{"phone": NaN}',
    "endless": '{"phone": Infinity}',
    "not UTF-8": b'{"phone": "\xff\xfe"}',
    "a number of 5000 digits": '{"phone": ' + "9" * 5_000 + "}",
    "deep lists": "[" * 100_000 + "]" * 100_000,
    "deep objects": '{"p":' * 40_000 + "1" + "}" * 40_000,
}


@pytest.mark.parametrize("raw", BODIES.values(), ids=BODIES)
def test_a_body_that_is_no_json_is_refused(raw: Any) -> None:
    before = fingerprint()
    refused(Caller().ask("POST", "auth/codes/", raw=raw), 400, "parse_error")
    assert changed(before) == []


@pytest.mark.parametrize("body", ["[]", '"text"', "null", "7", "true", '[{"phone": "13800000001"}]'])
def test_a_body_that_is_no_object_is_refused(body: str) -> None:
    problem = refused(Caller().ask("POST", "auth/codes/", raw=body), 400, "invalid")
    assert [error["field"] for error in problem["errors"]] in (["body"], ["phone"])


def test_a_body_over_the_bound_is_refused_unread(su: Caller) -> None:
    before = fingerprint()
    big = json.dumps({"name": "x" * 300_000})
    refused(su.ask("PATCH", "me/", raw=big), 413, "body_too_large")
    refused(su.post("orders/", {"address": "x" * 300_000}, key=new_key()), 413, "body_too_large")
    assert changed(before) == []
    fits = json.dumps({"name": "x" * 200_000})
    refused(su.ask("PATCH", "me/", raw=fits), 400, field="name")


@pytest.mark.parametrize("text", ["苏\x00", "\x00", "a\ud800b"])
def test_characters_no_database_keeps_are_refused(su: Caller, text: str) -> None:
    refused(su.patch("me/", {"name": text}), 400, "invalid", field="name")


QUERIES = {
    "products/?sort=price": "sort",
    "products/?q=%00": "q",
    "products/?q=" + "x" * 81: "q",
    "products/?category=%00": "category",
    "products/?page_size=0": "page_size",
    "products/?page_size=-1": "page_size",
    "products/?page_size=101": "page_size",
    "products/?page_size=1e2": "page_size",
    "products/?page_size=%D9%A3": "page_size",
    "products/?cursor=rubbish": "cursor",
    "products/?cursor=%00": "cursor",
    "products/?cursor=%F0%9F%8D%91": "cursor",
    "regions/?parent=999999": "parent",
    "regions/?parent=%00": "parent",
    "regions/?parent=' OR 1=1 --": "parent",
}


@pytest.mark.parametrize(("path", "field"), QUERIES.items(), ids=QUERIES)
def test_a_query_that_cannot_be_is_refused_by_name(path: str, field: str) -> None:
    refused(Caller().get(path), 400, "invalid", field=field)


def test_an_unknown_shelf_is_not_found() -> None:
    refused(Caller().get("products/?category=no-such"), 404, "not_found", field="category")


TOKENS = [
    "",
    "x",
    "Bearer",
    "Bearer ",
    "Bearer a b",
    "Bearer \x7f",
    "Bearer " + "x" * 5_000,
    "Basic c3U6c3U=",
    "Bearer é",
]


@pytest.mark.parametrize("header", TOKENS)
def test_a_token_that_is_none_is_refused(header: str) -> None:
    asker = Caller()
    asker.headers["Authorization"] = header
    answer = asker.get("me/")
    refused(answer, 401)
    assert answer["WWW-Authenticate"] == 'Bearer realm="linjia"'


def test_tokens_end_when_they_lapse_are_refreshed_signed_out_or_their_account_is_closed() -> None:
    su = world.person("苏 Su")
    phone = Caller()
    signed_in = {"phone": su.phone, "password": world.PASSWORD}
    tokens = told(phone.post("auth/password-sign-in/", signed_in))
    # A refresh token opens nothing by itself, an access token refreshes nothing.
    phone.carry(tokens["refresh"])
    refused(phone.get("me/"), 401)
    refused(phone.post("auth/refresh/", {"refresh": tokens["access"]}), 401)
    del phone.headers["Authorization"]
    fresh = told(phone.post("auth/refresh/", {"refresh": tokens["refresh"]}))
    phone.carry(tokens["access"])
    refused(phone.get("me/"), 401)
    phone.carry(fresh["access"])
    assert told(phone.get("me/"))["number"] == su.number
    # Whoever uses a refresh token twice may be a thief: the whole family ends.
    del phone.headers["Authorization"]
    refused(phone.post("auth/refresh/", {"refresh": tokens["refresh"]}), 401)
    phone.carry(fresh["access"])
    refused(phone.get("me/"), 401)
    phone.sign_in(su)
    su.is_active = False
    su.save()
    refused(phone.get("me/"), 401)
    assert not AccessToken.objects.filter(token_hash__contains="Bearer").exists()


def test_wrong_sign_ins_say_the_same_and_lock_at_last() -> None:
    su = world.person("苏 Su")
    phone = Caller()
    wrong = phone.post("auth/password-sign-in/", {"phone": su.phone, "password": "wrong-password"})
    stranger = phone.post("auth/password-sign-in/", {"phone": "13999999999", "password": "wrong-password"})
    assert refused(wrong, 401) == refused(stranger, 401)
    for _try in range(settings.LINJIA_SIGN_IN_TRIES_MAX):
        answer = phone.post("auth/password-sign-in/", {"phone": su.phone, "password": "wrong-password"})
    refused(answer, 429, "too_many_tries")
    right = phone.post("auth/password-sign-in/", {"phone": su.phone, "password": world.PASSWORD})
    refused(right, 429, "too_many_tries")
    assert 800 < int(right["Retry-After"]) <= 900
    other = world.person("周 Zhou")
    told(phone.post("auth/password-sign-in/", {"phone": other.phone, "password": world.PASSWORD}))


def test_too_many_requests_say_when_to_come_again() -> None:
    phone = Caller()
    for index in range(10):
        assert phone.post("auth/codes/", {"phone": f"1370000{index:04d}"}).status_code == 204
    answer = phone.post("auth/codes/", {"phone": "13700009999"})
    refused(answer, 429, "throttled")
    assert 0 < int(answer["Retry-After"]) <= 60


def test_a_second_code_within_the_minute_is_refused() -> None:
    phone = Caller()
    assert phone.post("auth/codes/", {"phone": "13700000001"}).status_code == 204
    answer = phone.post("auth/codes/", {"phone": "137-0000-0001"})
    refused(answer, 429, "too_many_tries")
    assert 0 < int(answer["Retry-After"]) <= 60


def test_reading_is_never_throttled(su: Caller) -> None:
    for _time in range(70):
        assert su.get("orders/").status_code == 200


def test_no_session_and_no_csrf_token_play_a_part(su: Caller) -> None:
    su.client.enforce_csrf_checks = True
    told(su.patch("me/", {"name": "苏苏"}))
    su.client.force_login(world.person("周 Zhou"))
    assert told(su.get("me/"))["name"] == "苏苏"
    del su.headers["Authorization"]
    refused(su.get("me/"), 401)


def test_a_refusal_is_told_in_the_readers_language() -> None:
    assert refused(Caller(language="en").get("products/nope/"), 404)["detail"] == (
        "This product is not for sale. Have a look at the others."
    )
    chinese = refused(Caller(language="zh-CN").get("products/nope/"), 404)["detail"]
    assert chinese and not chinese.isascii()


def test_a_fault_of_ours_says_nothing_about_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr("shop.catalogue.queries.category_tree", broken)
    problem = refused(Caller().get("categories/"), 500, "fault")
    assert "secret" not in json.dumps(problem)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (OperationalError("gone"), 503, "busy"),
        (InterfaceError("connection already closed"), 503, "busy"),
        (GatewayUnknown("silent"), 503, "gateway_unknown"),
    ],
)
def test_trouble_around_us_asks_to_come_again(
    monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, code: str
) -> None:
    def broken() -> None:
        raise error

    monkeypatch.setattr("shop.catalogue.queries.category_tree", broken)
    answer = Caller().get("categories/")
    refused(answer, status, code)
    assert answer["Content-Type"] == PROBLEM


ADDRESS = {"name": "苏", "phone": "13800000001", "region_code": "330106", "detail": "灵隐路 1 号"}
BAD_ADDRESSES = [
    ("name", ""),
    ("name", "苏" * 41),
    ("name", None),
    ("name", ["苏"]),
    ("phone", "110"),
    ("phone", "2380000000a"),
    ("phone", 1.38e10),
    ("region_code", "999999"),
    ("region_code", "330000"),
    ("region_code", "33"),
    ("region_code", "'; DROP TABLE"),
    ("detail", " "),
    ("detail", "x" * 121),
    ("is_default", "perhaps"),
]


@pytest.mark.parametrize(("field", "value"), BAD_ADDRESSES)
def test_an_address_that_cannot_be_is_refused_by_name(su: Caller, field: str, value: Any) -> None:
    before = fingerprint()
    answer = su.post("me/addresses/", ADDRESS | {field: value})
    assert answer.status_code in (400, 404)
    refused(answer, answer.status_code, field=field)
    assert changed(before) == []


def test_read_only_facts_in_a_body_are_not_taken(su: Caller) -> None:
    other = world.customer("周 Zhou")
    theirs = world.address(other)
    made = told(
        su.post("me/addresses/", ADDRESS | {"number": theirs.number, "region_names": "火星", "user": other.pk}), 201
    )
    assert (made["number"] != theirs.number, made["region_names"]) == (True, "浙江省 杭州市 西湖区")
    me = told(su.patch("me/", {"name": "苏", "phone": "13999999999", "is_staff": True, "number": "U1"}))
    assert me["phone"] == "138****0001"
    assert told(Caller(other).get(f"me/addresses/{theirs.number}/"))["detail"] == theirs.detail


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_anothers_address_is_not_there(su: Caller, method: str) -> None:
    theirs = world.address(world.person("周 Zhou"))
    before = fingerprint()
    refused(su.ask(method, f"me/addresses/{theirs.number}/", ADDRESS), 404, "not_found")
    assert changed(before) == []


def test_addresses_are_kept_changed_and_removed(su: Caller) -> None:
    first = told(su.get("me/addresses/"))[0]["number"]
    second = told(su.post("me/addresses/", ADDRESS | {"detail": "断桥 2 号", "is_default": True}), 201)["number"]
    assert [row["number"] for row in told(su.get("me/addresses/"))] == [second, first]
    changed_one = told(su.put(f"me/addresses/{second}/", ADDRESS | {"detail": "断桥 3 号"}))
    assert (changed_one["detail"], changed_one["number"]) == ("断桥 3 号", second)
    assert su.delete(f"me/addresses/{second}/").status_code == 204
    assert [(row["number"], row["is_default"]) for row in told(su.get("me/addresses/"))] == [(first, True)]


def test_the_reading_page_asks_nobody_else() -> None:
    """Page, script and style come from us, and the policy allows no other place."""
    page = Client().get("/api/v1/docs/")
    html = page.content.decode()
    sources = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert sources and not [source for source in sources if "//" in source]
    assert "://" not in page["Content-Security-Policy"]
    for source in sources:
        if source.startswith("/static/"):
            assert finders.find(source.removeprefix("/static/")), source
    assert 'data-description="/api/v1/schema/"' in html


def test_the_description_is_told_as_it_is_committed() -> None:
    """Byte for byte; as JSON for who reads no YAML; and not to who asks for something else."""
    asked = Client()
    written = asked.get("/api/v1/schema/")
    assert written.content == settings.LINJIA_API_DESCRIPTION.read_bytes()
    assert written["Content-Type"].startswith("application/vnd.oai.openapi")
    for way in ({"query_params": {"format": "json"}}, {"headers": {"Accept": "application/json"}}):
        assert asked.get("/api/v1/schema/", **way).json() == yaml.safe_load(written.content)
    assert asked.get("/api/v1/schema/", headers={"Accept": "text/csv"}).status_code == 406
    assert asked.post("/api/v1/schema/").status_code == 405
