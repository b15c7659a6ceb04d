"""Signing in with WeChat in the browser, and everything a stranger might try on the way."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.test import Client

from orders.checkout.models import CartLine
from shop.accounts.models import User, WechatIdentity
from shop.gateways.sandbox.client import SandboxControl
from shop.gateways.sandbox.people import openid_of, unionid_of
from shop.gateways.sms import SandboxSms
from tests import world

pytestmark = pytest.mark.django_db
INSIDE = "Mozilla/5.0 (iPhone) MicroMessenger/8.0"
DESKTOP = "Mozilla/5.0 (Windows NT 10.0) Chrome/156.0"
NEW_PHONE = "13800000077"


def browser(agent: str = INSIDE) -> Client:
    return Client(headers={"User-Agent": agent, "Accept-Language": "zh-CN"}, SERVER_NAME="127.0.0.1")


def start(client: Client, target: str = "/me/") -> str:
    """Press the button; return WeChat's page."""
    return str(client.get("/sign-in/wechat/", {"next": target}).headers["Location"])


def allow(page: str, name: str = "小满") -> str:
    """Agree on WeChat's page; return the address it leads back to, without the host."""
    session = requests.Session()
    session.trust_env = False
    told = session.post(page.partition("#")[0], data={"name": name, "deed": "allow"}, allow_redirects=False, timeout=10)
    assert told.status_code == 303, told.text
    parts = urlsplit(told.headers["Location"])
    return f"{parts.path}?{parts.query}"


def who(client: Client) -> str | None:
    key = client.session.get("_auth_user_id")
    return User.objects.get(pk=key).number if key else None


@pytest.fixture
def local(settings: Any, sandbox: SandboxControl) -> SandboxControl:
    """The shop under an address that the sandbox lets people return to."""
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    return sandbox


def test_a_new_person_joins_by_phone_and_comes_back_without(local: SandboxControl, settings: Any) -> None:
    tea = world.sku_of(world.product(world.yunling(), "云岭白茶"))
    phone = browser()
    phone.post("/cart/put-in/", {"sku": tea.number, "quantity": "1"})
    way = start(phone, "/me/addresses/")
    asked = parse_qs(urlsplit(way).query)
    assert (asked["appid"], asked["scope"]) == ([settings.LINJIA_WECHAT_ACCOUNT_APP_ID], ["snsapi_userinfo"])
    back = allow(way)
    assert phone.get(back).headers["Location"] == "/sign-in/wechat/phone/"
    assert who(phone) is None
    phone.post("/sign-in/wechat/phone/", {"phone": NEW_PHONE, "send": "code"})
    wrong = phone.post("/sign-in/wechat/phone/", {"phone": NEW_PHONE, "code": "000000"}).content.decode()
    assert 'id="id_code_error"' in wrong
    entered = phone.post("/sign-in/wechat/phone/", {"phone": NEW_PHONE, "code": SandboxSms.last_code(NEW_PHONE)})
    assert entered.headers["Location"] == "/welcome/?next=%2Fme%2Faddresses%2F"
    user = User.objects.get(phone=NEW_PHONE)
    assert who(phone) == user.number
    identity = WechatIdentity.objects.get(user=user)
    assert (identity.openid, identity.unionid) == (openid_of(identity.app_id, "小满"), unionid_of("小满"))
    # What lay in the visitor's cart comes along.
    phone.get("/welcome/")
    assert CartLine.objects.filter(cart__user=user, sku=tea).count() == 1

    # The code and the state were for once; another browser may not use them either.
    for replay in (phone, browser()):
        replay.post("/sign-out/")
        assert replay.get(back).headers["Location"].startswith("/sign-in/?")
        assert who(replay) is None

    # On a desktop another app asks, and the unionid finds the same person, without a phone.
    desk = browser(DESKTOP)
    way = start(desk)
    assert urlsplit(way).path == "/connect/qrconnect"
    assert desk.get(allow(way)).headers["Location"] == "/welcome/?next=%2Fme%2F"
    assert who(desk) == user.number
    assert WechatIdentity.objects.filter(user=user).count() == 2


def test_a_known_phone_joins_its_account(local: SandboxControl) -> None:
    su = world.customer("苏 Su")
    client = browser()
    client.get(allow(start(client)))
    client.post("/sign-in/wechat/phone/", {"phone": "13800000001", "send": "code"})
    client.post("/sign-in/wechat/phone/", {"phone": "13800000001", "code": SandboxSms.last_code("13800000001")})
    assert who(client) == su.number


def test_a_forged_way_back_signs_nobody_in(local: SandboxControl) -> None:
    """A stranger's code with her own state, without one, with another's, and after a refusal at WeChat."""
    mallory, victim = browser(), browser()
    code = parse_qs(urlsplit(allow(start(mallory), "mallory")).query)["code"][0]
    for state in ({}, {"state": ""}, {"state": "x" * 32}, {"state": mallory.session["wechat_way"]["state"]}):
        for begun in (False, True):
            if begun:
                start(victim)
            told = victim.get("/sign-in/wechat/back/", {"code": code, **state})
            assert told.headers["Location"].startswith("/sign-in/?")
            assert (who(victim), "wechat_found" in victim.session) == (None, False)
    way = start(victim)
    refused = victim.get("/sign-in/wechat/back/", {"state": parse_qs(urlsplit(way).query)["state"][0]})
    assert refused.headers["Location"] == "/sign-in/?next=%2Fme%2F"
    # A code of the other app does not fit, and made-up codes do not either.
    desk = browser(DESKTOP)
    for made_up in (code, "login:mallory", "web00"):
        fresh = parse_qs(urlsplit(start(desk)).query)["state"][0]
        told = desk.get("/sign-in/wechat/back/", {"code": made_up, "state": fresh})
        assert told.headers["Location"].startswith("/sign-in/?")
    assert not WechatIdentity.objects.exists()


def test_binding_takes_nobodys_wechat(local: SandboxControl) -> None:
    su, zhou = world.customer("苏 Su"), world.customer("周 Zhou")
    for user, name in ((su, "小满"), (zhou, "小满"), (zhou, "老周")):
        client = browser()
        client.force_login(user)
        assert client.get(allow(start(client, "/me/profile/"), name)).headers["Location"] == "/me/profile/"
    assert {(one.user_id, one.unionid) for one in WechatIdentity.objects.all()} == {
        (su.pk, unionid_of("小满")),
        (zhou.pk, unionid_of("老周")),
    }
    # Begun as nobody, come back as somebody: the way was for another.
    client = browser()
    back = allow(start(client), "mallory")
    client.force_login(su)
    client.get(back)
    assert not WechatIdentity.objects.filter(unionid=unionid_of("mallory")).exists()
