"""Signing in with WeChat in a browser, as WeChat documents it: a page that asks, a code, an openid, a profile.

``/connect/oauth2/authorize`` is what WeChat's own browser opens (scopes ``snsapi_base`` and ``snsapi_userinfo``),
``/connect/qrconnect`` the page with a code to scan (``snsapi_login``). A code belongs to the app it was asked for,
works once and lives five minutes.
"""

import json
import secrets
import time
from html import escape
from urllib.parse import urlencode

from shop.gateways.sandbox.keys import account_app_id, site_app_id
from shop.gateways.sandbox.open_api import OpenError
from shop.gateways.sandbox.pages import back_address, page
from shop.gateways.sandbox.people import openid_of, unionid_of
from shop.gateways.sandbox.wire import Call, Reply
from shop.gateways.sandbox.world import World

CODE_SECONDS = 300
_SCOPES = {
    "/connect/oauth2/authorize": ("snsapi_base", "snsapi_userinfo"),
    "/connect/qrconnect": ("snsapi_login",),
}


def ask(world: World, call: Call) -> Reply:
    """Who are you? Posting a name agrees; posting nothing refuses."""
    query = call.query
    find = account_app_id if call.path.startswith("/connect/oauth2") else site_app_id
    own = find(world.keys.app_id)
    back = back_address(query.get("redirect_uri", ""), world.base_url)
    if query.get("appid") != own:
        return page("10005", "<h1>appid 错误 <small>This app is not known here</small></h1>", 400)
    if not back:
        return page(
            "10003", "<h1>redirect_uri 域名不一致 <small>The address to return to is not ours</small></h1>", 400
        )
    if query.get("response_type") != "code" or query.get("scope") not in _SCOPES[call.path]:
        return page("10001", "<h1>scope 错误 <small>The scope is wrong</small></h1>", 400)
    if call.method == "GET":
        return page("登录 Sign in", _question(is_scan=call.path.endswith("qrconnect")))
    name = call.form().get("name", "").strip()[:40]
    told = {"state": query.get("state", "")}
    if name and call.form().get("deed") == "allow":
        code = f"web{secrets.token_hex(14)}"
        facts = {"app_id": own, "name": name, "scope": query["scope"], "at": time.time()}
        world.book.insert("deeds", what="web_code", subject=code, data=json.dumps(facts, ensure_ascii=False))
        told = {"code": code, **told}
    joint = "&" if "?" in back else "?"
    return Reply(
        status=303, content=b"", content_type="text/plain", headers={"Location": f"{back}{joint}{urlencode(told)}"}
    )


def _question(*, is_scan: bool) -> str:
    how = "微信扫码登录" if is_scan else "微信授权登录"
    return (
        f"<h1>{how} <small>Sign in with WeChat</small></h1>"
        '<form method="post"><p class="note"><label>微信用户 · Who is it?<br>'
        f'<input name="name" value="{escape("小满")}" required maxlength="40" autofocus></label></p>'
        '<button name="deed" value="allow">同意 <small>Allow</small></button>'
        '<button class="no" name="deed" value="refuse" formnovalidate>拒绝 <small>Refuse</small></button></form>'
        '<p class="note">同一个名字始终是同一个人 · The same name is always the same person</p>'
    )


def access_token(world: World, call: Call) -> Reply:
    """A code becomes an openid, once."""
    query = call.query
    app_id = query.get("appid", "")
    if app_id not in (account_app_id(world.keys.app_id), site_app_id(world.keys.app_id)):
        raise OpenError(40013, "invalid appid")
    if query.get("secret") != world.keys.app_secret:
        raise OpenError(40125, "invalid appsecret")
    code = query.get("code", "")
    row = world.book.row("SELECT data FROM deeds WHERE what = 'web_code' AND subject = ?", code)
    facts = json.loads(row["data"]) if row else {}
    if facts.get("app_id") != app_id or facts["at"] < time.time() - CODE_SECONDS:
        raise OpenError(40029, "invalid code")
    with world.book.transaction():
        if world.book.row("SELECT 1 FROM used_codes WHERE code = ?", code):
            raise OpenError(40163, "code been used")
        world.book.insert("used_codes", code=code)
    told = {
        "access_token": secrets.token_urlsafe(48),
        "expires_in": 7200,
        "refresh_token": secrets.token_urlsafe(48),
        "openid": openid_of(app_id, facts["name"]),
        "scope": facts["scope"],
    }
    if facts["scope"] != "snsapi_base":
        told["unionid"] = unionid_of(facts["name"])
    return Reply(told)
