"""The mini-program's services: sign-in, phone number, codes, messages, content check, links, shipping.

A thin client: one method per call, results as dataclasses. Secrets travel in addresses here, so no address ever reaches
a message or a log.
"""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests
from django.core.cache import cache

from shop.base.locks import require_no_transaction
from shop.gateways.contract import GatewayRefused, GatewayUnknown
from shop.gateways.credentials import Credentials

# Seconds to connect and to answer.
TIMEOUT = (3, 10)
_BUSY = -1
_TOKEN_REFUSED = {40001, 40014, 42001}
# A token is dropped this long before WeChat ends it, seconds.
_TOKEN_MARGIN = 300
_LOCK_SECONDS = 15
_LOCK_WAIT = 0.05


class WechatError(GatewayRefused):
    """WeChat refused a call: its number and its sentence (for staff, not for customers)."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(str(errcode), errmsg)
        self.errcode = errcode
        self.errmsg = errmsg


@dataclass(frozen=True)
class WechatSession:
    """Who signed in. The session key is WeChat's secret with us: it must never reach the client."""

    openid: str
    unionid: str
    session_key: str = field(repr=False)


@dataclass(frozen=True)
class WebPerson:
    """Who signed in through a browser; ``unionid`` is "" where the app is bound to no open-platform account."""

    openid: str
    unionid: str


@dataclass(frozen=True)
class ContentVerdict:
    """What the content check thinks: ``pass``, ``review`` or ``risky``, with WeChat's label."""

    suggest: str
    label: int
    trace_id: str

    @property
    def is_clean(self) -> bool:
        return self.suggest == "pass"


@dataclass(frozen=True)
class ShippedParcel:
    """One parcel as WeChat wants to know it. ``receiver_phone`` may be masked, as in 138****8000."""

    tracking_number: str
    carrier_code: str
    description: str
    receiver_phone: str = ""


class WechatOpen:
    """The client. Methods raise ``WechatError`` when WeChat refuses and ``GatewayUnknown`` when nobody can tell."""

    def __init__(self, credentials: Credentials, *, timeout: tuple[float, float] = TIMEOUT) -> None:
        self._credentials = credentials
        self._timeout = timeout
        self._session = requests.Session()
        self._session.trust_env = not credentials.is_sandbox

    def code_to_session(self, code: str) -> WechatSession:
        """Exchange the code of ``wx.login`` for the person's openid. Each code works once."""
        told = self._call(
            "GET",
            "/sns/jscode2session",
            query={
                "appid": self._credentials.app_id,
                "secret": self._credentials.app_secret,
                "js_code": code,
                "grant_type": "authorization_code",
            },
        )
        return WechatSession(
            openid=_text(told, "openid"),
            unionid=str(told.get("unionid") or ""),
            session_key=_text(told, "session_key"),
        )

    def web_person(self, *, code: str, app_id: str, secret: str) -> WebPerson:
        """Exchange the code a browser brought back for the person's openid in that app. Each code works once."""
        told = self._call(
            "GET",
            "/sns/oauth2/access_token",
            query={"appid": app_id, "secret": secret, "code": code, "grant_type": "authorization_code"},
        )
        return WebPerson(openid=_text(told, "openid"), unionid=str(told.get("unionid") or ""))

    def phone_number(self, code: str) -> str:
        """Exchange the code of the phone button for the number; without the country code for China."""
        told = self._with_token("/wxa/business/getuserphonenumber", {"code": code}).get("phone_info") or {}
        if (told.get("watermark") or {}).get("appid") != self._credentials.app_id:
            raise GatewayUnknown("the phone number was given to another app")
        return _text(told, "purePhoneNumber" if told.get("countryCode") == "86" else "phoneNumber")

    def code_picture(self, *, scene: str, page: str, width: int = 430, env_version: str = "release") -> bytes:
        """Return a mini-program code as a picture. ``scene`` has at most 32 characters, ``width`` 280 to 1280."""
        asked = {
            "scene": scene,
            "page": page,
            "width": width,
            "env_version": env_version,
            "check_path": env_version == "release",
        }
        return self._with_token_raw("/wxa/getwxacodeunlimit", asked)

    def check_text(self, *, content: str, openid: str, scene: int) -> ContentVerdict:
        """Have a text judged. ``scene``: 1 profile, 2 comment, 3 forum, 4 social log. The person must have visited
        within two hours (error 61010 else).
        """
        told = self._with_token(
            "/wxa/msg_sec_check", {"version": 2, "scene": scene, "openid": openid, "content": content}
        )
        result = told.get("result") or {}
        return ContentVerdict(
            suggest=_text(result, "suggest"),
            label=int(result.get("label", 0)),
            trace_id=str(told.get("trace_id", "")),
        )

    def send_message(
        self, *, openid: str, template_id: str, data: Mapping[str, str], page: str = "", state: str = "formal"
    ) -> None:
        """Send a subscription message. One acceptance is one message; error 43101 when there is none left."""
        asked = {
            "touser": openid,
            "template_id": template_id,
            "page": page,
            "data": {name: {"value": value} for name, value in data.items()},
            "miniprogram_state": state,
            "lang": "zh_CN",
        }
        self._with_token("/cgi-bin/message/subscribe/send", asked)

    def url_link(self, *, path: str, query: str = "", days: int = 30) -> str:
        """Return a link that opens the mini-program from a browser or a text message; it lives at most 30 days."""
        asked = {"path": path, "query": query, "expire_type": 1, "expire_interval": days}
        return _text(self._with_token("/wxa/generate_urllink", asked), "url_link")

    def upload_shipping(
        self,
        *,
        transaction_id: str,
        payer_openid: str,
        parcels: Sequence[ShippedParcel],
        is_all_delivered: bool,
        at: datetime,
        logistics_type: int = 1,
    ) -> None:
        """Tell WeChat how a paid order was shipped. ``logistics_type``: 1 express, 2 local, 3 virtual, 4 pick-up.

        ``at`` is aware and must grow from call to call for the same payment.
        """
        is_split = len(parcels) > 1 or not is_all_delivered
        listed = []
        for parcel in parcels:
            told: dict[str, Any] = {"item_desc": parcel.description[:120]}
            if logistics_type == 1:
                told |= {"tracking_no": parcel.tracking_number, "express_company": parcel.carrier_code}
            if parcel.receiver_phone:
                told["contact"] = {"receiver_contact": parcel.receiver_phone}
            listed.append(told)
        asked: dict[str, Any] = {
            "order_key": {"order_number_type": 2, "transaction_id": transaction_id},
            "logistics_type": logistics_type,
            "delivery_mode": 2 if is_split else 1,
            "shipping_list": listed,
            "upload_time": at.isoformat(timespec="milliseconds"),
            "payer": {"openid": payer_openid},
        }
        if is_split:
            asked["is_all_delivered"] = is_all_delivered
        self._with_token("/wxa/sec/order/upload_shipping_info", asked)

    def access_token(self) -> str:
        """Return the token of all other calls; one for all processes, fetched by one of them at a time."""
        known = cache.get(self._token_key)
        return known if isinstance(known, str) else self._fetch_token(refused="")

    @property
    def _token_key(self) -> str:
        return f"wechat-token:{self._credentials.app_id}"

    def _fetch_token(self, *, refused: str) -> str:
        """Get a token that is not ``refused``, under a lock; who waits takes what the other one fetched."""
        lock, mine = f"{self._token_key}:lock", secrets.token_hex(8)
        deadline = time.monotonic() + _LOCK_SECONDS
        while not cache.add(lock, mine, _LOCK_SECONDS):
            known = cache.get(self._token_key)
            if isinstance(known, str) and known != refused:
                return known
            if time.monotonic() > deadline:
                break
            time.sleep(_LOCK_WAIT)
        try:
            known = cache.get(self._token_key)
            if isinstance(known, str) and known != refused:
                return known
            token, lifetime = self._ask_token(is_forced=False)
            if token == refused:
                # Twenty times a day at most, so only when the usual way gives the refused one again.
                token, lifetime = self._ask_token(is_forced=True)
            cache.set(self._token_key, token, max(lifetime - _TOKEN_MARGIN, 1))
            return token
        finally:
            if cache.get(lock) == mine:
                cache.delete(lock)

    def _ask_token(self, *, is_forced: bool) -> tuple[str, int]:
        asked = {
            "grant_type": "client_credential",
            "appid": self._credentials.app_id,
            "secret": self._credentials.app_secret,
            "force_refresh": is_forced,
        }
        told = self._call("POST", "/cgi-bin/stable_token", data=asked)
        return _text(told, "access_token"), int(told.get("expires_in", 0))

    def _with_token(self, path: str, data: Mapping[str, Any]) -> dict[str, Any]:
        return _json(path, self._with_token_raw(path, data))

    def _with_token_raw(self, path: str, data: Mapping[str, Any]) -> bytes:
        token = self.access_token()
        try:
            return self._call_raw("POST", path, query={"access_token": token}, data=data)
        except WechatError as error:
            if error.errcode not in _TOKEN_REFUSED:
                raise
        token = self._fetch_token(refused=token)
        return self._call_raw("POST", path, query={"access_token": token}, data=data)

    def _call(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, data: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        return _json(path, self._call_raw(method, path, query=query, data=data))

    def _call_raw(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, data: Mapping[str, Any] | None = None
    ) -> bytes:
        """Call and return the answer's bytes: JSON without an error, or a picture."""
        require_no_transaction()
        body = json.dumps(data, ensure_ascii=False).encode() if data is not None else None
        try:
            answer = self._session.request(
                method,
                self._credentials.open_base_url + path,
                params=query,
                data=body,
                headers={"Content-Type": "application/json"} if body else None,
                timeout=self._timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            # The error's own text holds the address, and with it the secret.
            raise GatewayUnknown(f"WeChat did not answer {path}: {type(error).__name__}") from None
        if answer.status_code != requests.codes.ok:
            raise GatewayUnknown(f"WeChat answered {answer.status_code} to {path}")
        if answer.headers.get("Content-Type", "").startswith("image/"):
            return answer.content
        told = _json(path, answer.content)
        errcode = told.get("errcode") or 0
        if errcode == _BUSY:
            raise GatewayUnknown(f"WeChat is too busy for {path}")
        if errcode:
            raise WechatError(int(errcode), str(told.get("errmsg", "")))
        return answer.content


def _json(path: str, content: bytes) -> dict[str, Any]:
    try:
        told = json.loads(content)
    except ValueError:
        raise GatewayUnknown(f"WeChat's answer to {path} is not JSON") from None
    if not isinstance(told, dict):
        raise GatewayUnknown(f"WeChat's answer to {path} is not an object")
    return told


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value:
        raise GatewayUnknown(f"WeChat's answer lacks {name}")
    return value
