"""Signing in, up and out in the browser."""

import pytest
from django.test import Client

from shop.accounts.models import User
from shop.gateways.sms import SandboxSms
from tests import world

pytestmark = pytest.mark.django_db

CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-CN"}
SU = "13800000001"


def signed_in(client: Client) -> str | None:
    """Return the number of whoever the browser is signed in as."""
    key = client.session.get("_auth_user_id")
    return User.objects.get(pk=key).number if key else None


def test_password_opens_the_account_and_leads_back(client: Client) -> None:
    su = world.person("苏 Su")
    form = {"phone": SU, "password": world.PASSWORD, "next": "/me/addresses/"}
    response = client.post("/sign-in/?way=password", form)
    assert response.headers["Location"] == "/welcome/?next=%2Fme%2Faddresses%2F"
    assert signed_in(client) == su.number


def test_wrong_password_says_so_without_saying_which(client: Client) -> None:
    world.person("苏 Su")
    pages = [
        client.post("/sign-in/?way=password", {"phone": phone, "password": "nope"}, **CHINESE)
        for phone in (SU, "13900009999")
    ]
    assert ["手机号或密码不正确" in page.content.decode() for page in pages] == [True, True]
    assert signed_in(client) is None


def test_code_makes_an_account_at_the_first_time(client: Client) -> None:
    sent = client.post("/sign-in/", {"phone": "138 0000 0001", "send": "code"}, **CHINESE)
    code = SandboxSms.last_code(SU)
    assert code is not None
    assert code in sent.content.decode()
    response = client.post("/sign-in/", {"phone": SU, "code": code})
    assert response.headers["Location"] == "/welcome/?next=%2F"
    assert signed_in(client) == User.objects.get(phone=SU).number


def test_wrong_code_is_told_beside_its_field(client: Client) -> None:
    client.post("/sign-in/", {"phone": SU, "send": "code"})
    right = SandboxSms.last_code(SU)
    wrong = "000000" if right != "000000" else "111111"
    html = client.post("/sign-in/", {"phone": SU, "code": wrong}, **CHINESE).content.decode()
    assert 'id="id_code_error"' in html
    assert "验证码不正确或已失效" in html
    assert signed_in(client) is None


def test_second_code_within_a_minute_is_refused_with_words(client: Client) -> None:
    client.post("/sign-in/", {"phone": SU, "send": "code"})
    again = client.post("/sign-in/", {"phone": SU, "send": "code"}, **CHINESE)
    assert "尝试次数过多" in again.content.decode()
    assert again.status_code == 429
    assert 0 < int(again["Retry-After"]) <= 60


def test_no_number_is_no_phone(client: Client) -> None:
    html = client.post("/sign-in/", {"phone": "12345", "send": "code"}, **CHINESE).content.decode()
    assert "请填写 11 位中国大陆手机号" in html


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "\\\\evil.example", "javascript:alert(1)", "/\\evil.example"],
)
def test_next_never_leaves_the_site(client: Client, target: str) -> None:
    world.person("苏 Su")
    form = {"phone": SU, "password": world.PASSWORD, "next": target}
    response = client.post("/sign-in/?way=password", form)
    assert response.headers["Location"] == "/welcome/?next=%2F"
    again = client.get("/sign-in/", {"next": target})
    assert again.headers["Location"] == "/"


def test_a_new_account_needs_the_code_sent_to_its_phone(client: Client) -> None:
    form = {"phone": SU, "name": "苏", "password": world.PASSWORD}
    assert client.post("/register/", {**form, "code": "000000"}).status_code == 200
    assert User.objects.count() == 0

    sent = client.post("/register/", {**form, "send": "code"}, **CHINESE).content.decode()
    code = SandboxSms.last_code(SU)
    assert code is not None and code in sent
    assert 'value="苏"' in sent
    assert client.post("/register/", {**form, "code": code}).status_code == 302
    assert User.objects.get().name == "苏"
    client.post("/sign-out/")
    assert signed_in(client) is None


def test_only_the_phones_holder_learns_that_it_has_an_account(client: Client) -> None:
    world.person("苏 Su")
    form = {"name": "苏", "password": world.PASSWORD}
    told = [
        client.post("/register/", {**form, "phone": phone, "code": "000000"}, **CHINESE).content.decode()
        for phone in (SU, "13900009999")
    ]
    assert ["验证码不正确或已失效" in page and "已经注册" not in page for page in told] == [True, True]

    client.post("/register/", {"phone": SU, "send": "code"})
    mine = client.post("/register/", {**form, "phone": SU, "code": SandboxSms.last_code(SU)}, **CHINESE)
    assert "这个手机号已经注册" in mine.content.decode()


def test_signing_out_needs_a_form(client: Client) -> None:
    su = world.person("苏 Su")
    client.force_login(su)
    assert client.get("/sign-out/").status_code == 405
    assert signed_in(client) == su.number


def test_forms_refuse_strangers_requests() -> None:
    strict = Client(enforce_csrf_checks=True)
    world.person("苏 Su")
    refused = strict.post("/sign-in/?way=password", {"phone": SU, "password": world.PASSWORD}, **CHINESE)
    assert refused.status_code == 403
    assert "页面已过期" in refused.content.decode()


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ({"HTTP_ORIGIN": "http://testserver"}, 302),
        ({"HTTP_SEC_FETCH_SITE": "same-origin"}, 302),
        ({"HTTP_ORIGIN": "http://evil.example"}, 403),
        ({"HTTP_ORIGIN": "null", "HTTP_SEC_FETCH_SITE": "same-origin"}, 403),
        ({"HTTP_SEC_FETCH_SITE": "same-site"}, 403),
        ({"HTTP_SEC_FETCH_SITE": "none"}, 403),
        ({}, 403),
    ],
)
def test_a_form_is_believed_by_where_the_browser_says_it_comes_from(word: dict[str, str], status: int) -> None:
    strict = Client(enforce_csrf_checks=True)
    world.person("苏 Su")
    form = {"phone": SU, "password": world.PASSWORD}
    assert strict.post("/sign-in/?way=password", form, **CHINESE, **word).status_code == status
