"""The mini-program's services, asked as the shop asks them."""

import threading
import traceback
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from django.core.cache import cache

from shop.gateways.contract import Gateway, GatewayRefused, GatewayUnknown
from shop.gateways.credentials import credentials_from_settings
from shop.gateways.registry import wechat_open
from shop.gateways.sandbox.client import SandboxControl
from shop.gateways.sandbox.people import openid_of, unionid_of
from shop.gateways.wechat_open import ShippedParcel, WechatError, WechatOpen
from tests.shop.gateway_steps import paid

PNG = b"\x89PNG\r\n\x1a\n"
APPLES = ShippedParcel("SF1234567890", "SF", "烟台苹果 5kg", "138****8000")


@pytest.fixture
def wechat(sandbox: SandboxControl) -> WechatOpen:
    return wechat_open()


def test_code_becomes_a_person(sandbox: SandboxControl, wechat: WechatOpen, settings: Any) -> None:
    session = wechat.code_to_session(sandbox.login_code("mei"))
    assert session.openid == openid_of(settings.LINJIA_WECHAT_APP_ID, "mei") == sandbox.openid_of("mei")
    assert session.unionid == unionid_of("mei")
    again = wechat.code_to_session(sandbox.login_code("mei", "2"))
    assert (again.openid, again.unionid) == (session.openid, session.unionid)
    assert again.session_key != session.session_key


def test_session_key_is_not_shown(sandbox: SandboxControl, wechat: WechatOpen) -> None:
    session = wechat.code_to_session(sandbox.login_code("mei"))
    assert session.session_key not in repr(session)


def test_code_works_once(sandbox: SandboxControl, wechat: WechatOpen) -> None:
    wechat.code_to_session(sandbox.login_code("mei"))
    with pytest.raises(WechatError) as refusal:
        wechat.code_to_session(sandbox.login_code("mei"))
    assert refusal.value.errcode == 40163


@pytest.mark.parametrize("code", ["", "nonsense", "phone:13800138000", "login:"])
def test_wrong_codes_sign_nobody_in(wechat: WechatOpen, code: str) -> None:
    with pytest.raises(WechatError) as refusal:
        wechat.code_to_session(code)
    assert refusal.value.errcode == 40029
    assert isinstance(refusal.value, GatewayRefused)


def test_wrong_secret_is_refused(sandbox: SandboxControl) -> None:
    stranger = WechatOpen(replace(credentials_from_settings(), app_secret="0" * 32))
    with pytest.raises(WechatError, match="40125"):
        stranger.code_to_session(sandbox.login_code("mei"))


def test_phone_button(sandbox: SandboxControl, wechat: WechatOpen) -> None:
    assert wechat.phone_number(sandbox.phone_code("13800138000")) == "13800138000"
    with pytest.raises(WechatError, match="40163"):
        wechat.phone_number(sandbox.phone_code("13800138000"))
    with pytest.raises(WechatError, match="40029"):
        wechat.phone_number(sandbox.login_code("mei"))


# The token


def test_one_token_for_many_calls(sandbox: SandboxControl, wechat: WechatOpen) -> None:
    for index in range(3):
        wechat.phone_number(sandbox.phone_code("13800138000", str(index)))
    assert len(sandbox.calls("stable_token")) == 1
    assert cache.get(f"wechat-token:{credentials_from_settings().app_id}") == wechat.access_token()


def test_token_is_fetched_by_one_of_many(sandbox: SandboxControl, wechat: WechatOpen) -> None:
    barrier = threading.Barrier(8)
    tokens: list[str] = []

    def ask() -> None:
        barrier.wait()
        tokens.append(wechat.access_token())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 8
    assert len(set(tokens)) == 1
    assert len(sandbox.calls("stable_token")) == 1


def test_refused_token_is_refreshed_once(sandbox: SandboxControl, wechat: WechatOpen) -> None:
    cache.set(f"wechat-token:{credentials_from_settings().app_id}", "stale", 60)
    assert wechat.phone_number(sandbox.phone_code("13800138000")) == "13800138000"
    assert wechat.access_token() != "stale"
    assert [call["status"] for call in sandbox.calls("phone_number")] == [40001, 0]
    assert len(sandbox.calls("stable_token")) == 1


def test_token_that_stays_refused_is_an_error(sandbox: SandboxControl, wechat: WechatOpen) -> None:
    """A code is not used up by the refused try, and the second refusal is told, not tried for ever."""
    token = wechat.access_token()
    sandbox.reset()
    # The sandbox has forgotten all its tokens; the cache has not.
    assert wechat.access_token() == token
    assert wechat.phone_number(sandbox.phone_code("13800138000")) == "13800138000"
    assert wechat.access_token() != token


# Codes, checks, messages, links


def test_code_picture(wechat: WechatOpen) -> None:
    picture = wechat.code_picture(scene="s=Ab12", page="pages/store/store", width=430)
    assert picture.startswith(PNG)


@pytest.mark.parametrize(
    ("asked", "errcode"),
    [
        ({"scene": "x" * 33, "page": "pages/a"}, 40129),
        ({"scene": "店铺", "page": "pages/a"}, 40129),
        ({"scene": "a", "page": "/pages/a"}, 41030),
        ({"scene": "a", "page": "pages/a", "width": 100}, 40097),
    ],
)
def test_wrong_code_picture_is_refused(wechat: WechatOpen, asked: dict[str, Any], errcode: int) -> None:
    with pytest.raises(WechatError) as refusal:
        wechat.code_picture(**asked)
    assert refusal.value.errcode == errcode


@pytest.mark.parametrize(
    ("content", "suggest"), [("苹果很甜", "pass"), ("这是违规内容", "risky"), ("待审内容", "review")]
)
def test_text_is_judged(sandbox: SandboxControl, wechat: WechatOpen, content: str, suggest: str) -> None:
    verdict = wechat.check_text(content=content, openid=sandbox.openid_of("mei"), scene=2)
    assert (verdict.suggest, verdict.is_clean) == (suggest, suggest == "pass")
    assert verdict.trace_id


def test_check_without_a_person_is_refused(wechat: WechatOpen) -> None:
    with pytest.raises(WechatError, match="40003"):
        wechat.check_text(content="苹果", openid="", scene=2)


def test_message_reaches_its_person(sandbox: SandboxControl, wechat: WechatOpen) -> None:
    mei = sandbox.openid_of("mei")
    wechat.send_message(openid=mei, template_id="T1", data={"thing1": "已发货"}, page="pages/orders/orders")
    (message,) = sandbox.messages()
    assert message["subject"] == mei
    assert '"thing1": {"value": "已发货"}' in message["data"]


def test_refused_and_misfitting_messages(sandbox: SandboxControl, wechat: WechatOpen) -> None:
    mei = sandbox.openid_of("mei")
    with pytest.raises(WechatError, match="47003"):
        wechat.send_message(openid=mei, template_id="T1", data={"thing1": "字" * 21})
    with pytest.raises(WechatError, match="40037"):
        wechat.send_message(openid=mei, template_id="", data={})
    sandbox.refuse_messages(mei)
    with pytest.raises(WechatError, match="43101"):
        wechat.send_message(openid=mei, template_id="T1", data={"thing1": "已发货"})
    assert sandbox.messages() == []


def test_url_link(sandbox: SandboxControl, wechat: WechatOpen) -> None:
    assert wechat.url_link(path="pages/store/store", query="code=A").startswith(f"{sandbox.base_url}/link/")


def test_shipping_is_told_once_and_corrected_once(
    sandbox: SandboxControl, wechat: WechatOpen, gateway: Gateway
) -> None:
    transaction_id = paid(sandbox, gateway)
    told: dict[str, Any] = {
        "transaction_id": transaction_id,
        "payer_openid": sandbox.openid_of("mei"),
        "parcels": [APPLES],
        "is_all_delivered": True,
        "at": datetime.now(UTC),
    }
    wechat.upload_shipping(**told)
    wechat.upload_shipping(**told)
    with pytest.raises(WechatError, match="10060003"):
        wechat.upload_shipping(**told)
    shipped = [deed for deed in sandbox.state()["deeds"] if deed["what"] == "shipping"]
    assert [deed["subject"] for deed in shipped] == [transaction_id, transaction_id]


@pytest.mark.parametrize(
    ("changed", "errcode"),
    [({"transaction_id": "4200none"}, 10060001), ({"payer_openid": "oOther"}, 10060014), ({"parcels": []}, 10060014)],
)
def test_wrong_shipping_is_refused(
    sandbox: SandboxControl, wechat: WechatOpen, gateway: Gateway, changed: dict[str, Any], errcode: int
) -> None:
    told: dict[str, Any] = {
        "transaction_id": paid(sandbox, gateway),
        "payer_openid": sandbox.openid_of("mei"),
        "parcels": [APPLES],
        "is_all_delivered": True,
        "at": datetime.now(UTC),
    }
    with pytest.raises(WechatError) as refusal:
        wechat.upload_shipping(**(told | changed))
    assert refusal.value.errcode == errcode


# Bad luck


@pytest.mark.parametrize(
    "mode",
    ["busy", "error_before", "error_after", "drop_answer", "drop_before", "timeout_before", "garbage", "bad_gateway"],
)
def test_broken_line_is_unknown_and_keeps_the_secret(sandbox: SandboxControl, mode: str) -> None:
    credentials = credentials_from_settings()
    hasty = WechatOpen(credentials, timeout=(1.0, 0.3))
    sandbox.fail("code2session", mode, seconds=0.6)
    with pytest.raises(GatewayUnknown) as unknown:
        hasty.code_to_session(sandbox.login_code("mei"))
    assert credentials.app_secret not in "".join(traceback.format_exception(unknown.value))


def test_services_do_not_take_a_strangers_token(sandbox: SandboxControl) -> None:
    answer = requests.post(f"{sandbox.base_url}/wxa/msg_sec_check?access_token=guess", json={"version": 2}, timeout=5)
    assert answer.json()["errcode"] == 40001
