"""The mini-program's services: sign-in, phone number, codes, messages, content check, links, shipping.

Errors come as WeChat gives them: status 200 with ``errcode`` and ``errmsg``.
"""

import io
import json
import re
import secrets
import time
from datetime import datetime
from typing import Any

import segno

from shop.gateways.sandbox.payments import payment_row
from shop.gateways.sandbox.people import openid_of, read_code, unionid_of
from shop.gateways.sandbox.wire import Call, Reply
from shop.gateways.sandbox.world import World

TOKEN_SECONDS = 7200
_SCENE = re.compile(r"[A-Za-z0-9!#$&'()*+,/:;=?@\-._~]{1,32}\Z")
_THING_MAX = 20
# Words that the content check finds, for whoever tries it out.
RISKY_WORD, REVIEW_WORD = "违规", "待审"


class OpenError(Exception):
    """WeChat's refusal of a service call."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(errmsg)
        self.errcode, self.errmsg = errcode, errmsg


def code2session(world: World, call: Call) -> Reply:
    """Sign-in: a code becomes an openid, once."""
    query = call.query
    _own_app(world, query.get("appid"), query.get("secret"))
    name = _use_code(world, query.get("js_code", ""), "login")
    openid = openid_of(world.keys.app_id, name)
    session_key = secrets.token_urlsafe(16)
    return Reply({"openid": openid, "session_key": session_key, "unionid": unionid_of(name)})


def _own_app(world: World, app_id: Any, secret: Any) -> None:
    if app_id != world.keys.app_id:
        raise OpenError(40013, "invalid appid")
    if secret != world.keys.app_secret:
        raise OpenError(40125, "invalid appsecret")


def _use_code(world: World, code: str, kind: str) -> str:
    name = read_code(code, kind)
    if name is None:
        raise OpenError(40029, "invalid code")
    with world.book.transaction():
        if world.book.row("SELECT 1 FROM used_codes WHERE code = ?", code):
            raise OpenError(40163, "code been used")
        world.book.insert("used_codes", code=code)
    return name


def stable_token(world: World, call: Call) -> Reply:
    """The token of all other calls: the same one until it is about to expire or is refreshed by force."""
    data = call.json()
    _own_app(world, data.get("appid"), data.get("secret"))
    now = time.time()
    alive = [(token, until) for token, until in world.tokens.items() if until > now + 300]
    if alive and not data.get("force_refresh"):
        token, until = alive[-1]
    else:
        token, until = secrets.token_urlsafe(96), now + TOKEN_SECONDS
        if data.get("force_refresh"):
            world.tokens.clear()
        world.tokens[token] = until
    return Reply({"access_token": token, "expires_in": int(until - now)})


def _signed_in(world: World, call: Call) -> dict[str, Any]:
    until = world.tokens.get(call.query.get("access_token", ""))
    if until is None:
        raise OpenError(40001, "invalid credential, access_token is invalid or not latest")
    if until <= time.time():
        raise OpenError(42001, "access_token expired")
    return call.json()


def phone_number(world: World, call: Call) -> Reply:
    """The number behind a code of the phone button."""
    data = _signed_in(world, call)
    number = _use_code(world, str(data.get("code", "")), "phone")
    return Reply(
        {
            "errcode": 0,
            "errmsg": "ok",
            "phone_info": {
                "phoneNumber": number,
                "purePhoneNumber": number,
                "countryCode": "86",
                "watermark": {"timestamp": int(time.time()), "appid": world.keys.app_id},
            },
        }
    )


def code_picture(world: World, call: Call) -> Reply:
    """A mini-program code; here a QR code that holds the page and the scene."""
    data = _signed_in(world, call)
    scene, page, width = data.get("scene"), data.get("page", ""), data.get("width", 430)
    if not isinstance(scene, str) or not _SCENE.match(scene):
        raise OpenError(40129, "invalid scene")
    if not isinstance(page, str) or page.startswith("/") or "?" in page:
        raise OpenError(41030, "invalid page")
    if type(width) is not int or not 280 <= width <= 1280:
        raise OpenError(40097, "invalid args: width")
    out = io.BytesIO()
    picture = segno.make(f"miniprogram:{page}?scene={scene}", error="m")
    picture.save(out, kind="png", scale=max(1, width // picture.symbol_size(border=2)[0]), border=2)
    return Reply(content=out.getvalue(), content_type="image/png")


def check_text(world: World, call: Call) -> Reply:
    """Content check: finds two words and lets the rest pass."""
    data = _signed_in(world, call)
    if data.get("version") != 2 or data.get("scene") not in (1, 2, 3, 4):
        raise OpenError(40097, "invalid args")
    if not data.get("openid"):
        raise OpenError(40003, "invalid openid")
    content = data.get("content", "")
    if not isinstance(content, str) or not 1 <= len(content) <= 2500:
        raise OpenError(40097, "invalid args: content")
    suggest, label = "pass", 100
    if RISKY_WORD in content:
        suggest, label = "risky", 20006
    elif REVIEW_WORD in content:
        suggest, label = "review", 21000
    trace = secrets.token_hex(12)
    return Reply({"errcode": 0, "errmsg": "ok", "result": {"suggest": suggest, "label": label}, "trace_id": trace})


def subscribe_message(world: World, call: Call) -> Reply:
    """A message to one person; kept in the book instead of being shown on a telephone."""
    data = _signed_in(world, call)
    if not data.get("touser"):
        raise OpenError(40003, "invalid openid")
    if not data.get("template_id"):
        raise OpenError(40037, "invalid template_id")
    for name, field in (data.get("data") or {}).items():
        value = (field or {}).get("value")
        if not isinstance(value, str) or not value or (name.startswith("thing") and len(value) > _THING_MAX):
            raise OpenError(47003, f"argument invalid: data.{name}.value")
    refused = world.book.row("SELECT 1 FROM deeds WHERE what = 'refused_messages' AND subject = ?", data["touser"])
    if refused:
        raise OpenError(43101, "user refuse to accept the msg")
    world.book.insert("deeds", what="message", subject=data["touser"], data=json.dumps(data, ensure_ascii=False))
    return Reply({"errcode": 0, "errmsg": "ok"})


def url_link(world: World, call: Call) -> Reply:
    """A link that opens the mini-program from outside."""
    data = _signed_in(world, call)
    if str(data.get("path", "")).startswith("/") and "?" in str(data.get("path")):
        raise OpenError(40165, "invalid weapp pagepath")
    token = secrets.token_urlsafe(8)
    world.book.insert("deeds", what="url_link", subject=token, data=json.dumps(data, ensure_ascii=False))
    return Reply({"errcode": 0, "errmsg": "ok", "url_link": f"{world.base_url}/link/{token}"})


def upload_shipping(world: World, call: Call) -> Reply:
    """The duty to tell how a paid order was shipped; a second time is a correction, a third is refused."""
    data = _signed_in(world, call)
    key = data.get("order_key") or {}
    if key.get("order_number_type") == 2:
        paid = world.book.row("SELECT * FROM transactions WHERE transaction_id = ?", key.get("transaction_id"))
    else:
        payment = payment_row(world, str(key.get("out_trade_no")))
        number = payment["out_trade_no"] if payment and key.get("mchid") == world.keys.merchant_id else None
        paid = world.book.row("SELECT * FROM transactions WHERE out_trade_no = ?", number)
    if paid is None:
        raise OpenError(10060001, "支付单不存在")
    if (data.get("payer") or {}).get("openid") != paid["openid"]:
        raise OpenError(10060014, "参数异常: payer")
    if not data.get("shipping_list") or data.get("logistics_type") not in (1, 2, 3, 4):
        raise OpenError(10060014, "参数异常: shipping_list")
    _check_time(data.get("upload_time"))
    subject = paid["transaction_id"]
    row = world.book.row("SELECT count(*) AS n FROM deeds WHERE what = 'shipping' AND subject = ?", subject)
    if row is not None and row["n"] >= 2:
        raise OpenError(10060003, "支付单已使用重新发货机会")
    world.book.insert("deeds", what="shipping", subject=subject, data=json.dumps(data, ensure_ascii=False))
    return Reply({"errcode": 0, "errmsg": "ok"})


def _check_time(text: Any) -> None:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise OpenError(10060014, "参数异常: upload_time") from None
    if moment.tzinfo is None:
        raise OpenError(10060014, "参数异常: upload_time")
