"""WeChat Pay v3 through the wechatpayv3 library, in public-key mode.

The library signs, verifies and decrypts; this adapter gives it time limits and our address, checks what it does not
(age of notices, who they are for, which number an answer speaks of), and turns its many ways to fail into the three of
the contract. No other module may touch the library.
"""

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

import requests
from wechatpayv3 import WeChatPay as Library
from wechatpayv3 import WeChatPayType

from shop.base.locks import require_no_transaction
from shop.gateways import wechat_words
from shop.gateways.contract import (
    BookEntry,
    Collection,
    CollectResult,
    GatewayRefused,
    GatewayUnknown,
    Notice,
    PaymentState,
    RefundState,
    TransferState,
)
from shop.gateways.credentials import Credentials
from shop.gateways.wechat_bills import CHINA
from shop.gateways.wechat_book import BillReader
from shop.gateways.wechat_notices import NoticeReader
from shop.gateways.wechat_words import Understanding, text

# Seconds to connect and to answer.
TIMEOUT = (3, 10)
NOTIFY_PATHS = {
    "payment": "/api/v1/webhooks/wechat/payment/",
    "refund": "/api/v1/webhooks/wechat/refund/",
    "transfer": "/api/v1/webhooks/wechat/transfer/",
}
# Commission (佣金报酬) with its two report fields; 1000 is cash marketing and must not be used for it.
TRANSFER_SCENE = "1005"
TRANSFER_POST = "分销店主"
TRANSFER_FEN_MIN = 10
NAME_ALLOWED_FROM_FEN = 30
NAME_NEEDED_FROM_FEN = 200_000
_DESCRIPTION_MAX, _REASON_MAX, _REMARK_MAX = 127, 80, 32
_PAYMENT_NUMBER = re.compile(r"[A-Za-z0-9_\-*]{6,32}\Z")
_REFUND_NUMBER = re.compile(r"[A-Za-z0-9_\-|*@]{1,64}\Z")
_TRANSFER_NUMBER = re.compile(r"[A-Za-z0-9]{1,32}\Z")
_KINDS = {"jsapi": WeChatPayType.JSAPI, "native": WeChatPayType.NATIVE, "h5": WeChatPayType.H5}
_NOT_FOUND = {"ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS", "NOT_FOUND", "RECORD_NOT_EXIST"}
_CLOSED = {"ORDER_CLOSED", "ORDERCLOSED"}
# Refusals in name only: WeChat asks to try again with the same number.
_BUSY = {
    "SYSTEM_ERROR",
    "SYSTEMERROR",
    "BANK_ERROR",
    "BANKERROR",
    "FREQUENCY_LIMITED",
    "FREQUENCY_LIMIT_EXCEED",
    "RATELIMIT_EXCEEDED",
}
S = TypeVar("S", PaymentState, RefundState, TransferState)


class WechatPay:
    """The rail; one object per process, safe to share between threads. See ``contract.Gateway``."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        name: str,
        notice_max_age_seconds: int,
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        self._name = name
        self._credentials = credentials
        self._library = Library(
            wechatpay_type=WeChatPayType.JSAPI,
            mchid=credentials.merchant_id,
            private_key=credentials.private_key,
            cert_serial_no=credentials.cert_serial,
            appid=credentials.app_id,
            apiv3_key=credentials.api_v3_key,
            timeout=timeout,
            # No call to the sandbox may leave the machine through a proxy of the environment.
            proxy={"http": None, "https": None} if credentials.is_sandbox else None,
            public_key=credentials.platform_public_key,
            public_key_id=credentials.platform_key_id,
        )
        set_base_address(self._library, credentials.pay_base_url)
        self._bills = BillReader(self._library, ask=self._ask, call=self._call)
        self._notices = NoticeReader(self._library, credentials, max_age_seconds=notice_max_age_seconds)

    @property
    def name(self) -> str:
        return self._name

    def collect(self, collection: Collection) -> CollectResult:
        """Ask a customer for money; see the contract."""
        _check_number(_PAYMENT_NUMBER, collection.number)
        _check_amount(collection.amount_fen, at_least=1)
        if collection.kind == "jsapi" and not collection.payer_openid:
            _refuse("the payer's openid is missing")
        app_id = self._own_app(collection.app_id)
        asked: dict[str, Any] = {
            "description": collection.description[:_DESCRIPTION_MAX] or collection.number,
            "out_trade_no": collection.number,
            "amount": {"total": collection.amount_fen, "currency": "CNY"},
            "time_expire": _rfc3339(collection.expires_at),
            "notify_url": self._notify_url("payment"),
            "attach": collection.reference or None,
            "pay_type": _KINDS[collection.kind],
            "appid": app_id,
        }
        if collection.kind == "jsapi":
            asked["payer"] = {"openid": collection.payer_openid}
        if collection.kind == "h5":
            asked["scene_info"] = {
                "payer_client_ip": collection.payer_ip or "127.0.0.1",
                "h5_info": {"type": "Wap"},
            }
        told = self._ask(self._library.pay, **asked)
        with Understanding():
            if collection.kind == "jsapi":
                prepay_id = text(told["prepay_id"])
                return CollectResult(prepay_id, self._client_params(app_id, prepay_id), "")
            return CollectResult("", {}, text(told["code_url" if collection.kind == "native" else "h5_url"]))

    def _client_params(self, app_id: str, prepay_id: str) -> dict[str, str]:
        """The arguments of ``wx.requestPayment`` and of WeChat's own browser. Four lines are signed; the kind of signature is not one of them."""
        lines = [
            app_id,
            str(int(time.time())),
            secrets.token_hex(16),
            f"prepay_id={prepay_id}",
        ]
        names = ("appId", "timeStamp", "nonceStr", "package")
        return dict(zip(names, lines, strict=True)) | {"signType": "RSA", "paySign": self._library.sign(lines)}

    def query_payment(self, number: str) -> PaymentState:
        """Ask what became of a payment; see the contract."""
        _check_number(_PAYMENT_NUMBER, number)
        try:
            told = self._ask(self._library.query, out_trade_no=number)
        except GatewayRefused as refusal:
            if refusal.code in _NOT_FOUND:
                return PaymentState(number=number, state="not_found")
            raise
        with Understanding():
            self._check_ours(told, "mchid")
            return _about(number, wechat_words.payment_state(told))

    def close_payment(self, number: str) -> None:
        """Make an unpaid payment unpayable; see the contract."""
        _check_number(_PAYMENT_NUMBER, number)
        try:
            self._ask(self._library.close, out_trade_no=number)
        except GatewayRefused as refusal:
            if refusal.code not in _CLOSED:
                raise

    def refund(
        self,
        *,
        number: str,
        payment_number: str,
        amount_fen: int,
        total_fen: int,
        reason: str,
        transaction_id: str = "",
    ) -> RefundState:
        """Give money back; see the contract."""
        _check_number(_REFUND_NUMBER, number)
        _check_number(_PAYMENT_NUMBER, payment_number)
        _check_amount(amount_fen, at_least=1)
        if amount_fen > total_fen:
            _refuse("the refund is larger than the payment")
        told = self._ask(
            self._library.refund,
            out_refund_no=number,
            amount={"refund": amount_fen, "total": total_fen, "currency": "CNY"},
            reason=reason[:_REASON_MAX],
            notify_url=self._notify_url("refund"),
            **({"transaction_id": transaction_id} if transaction_id else {"out_trade_no": payment_number}),
        )
        with Understanding():
            return _about(number, wechat_words.refund_state(told))

    def query_refund(self, number: str) -> RefundState:
        """Ask what became of a refund; see the contract."""
        _check_number(_REFUND_NUMBER, number)
        try:
            told = self._ask(self._library.query_refund, out_refund_no=number)
        except GatewayRefused as refusal:
            if refusal.code in _NOT_FOUND:
                return RefundState(number=number, payment_number="", state="not_found")
            raise
        with Understanding():
            return _about(number, wechat_words.refund_state(told))

    def transfer(
        self, *, number: str, openid: str, amount_fen: int, real_name: str | None, remark: str, app_id: str = ""
    ) -> TransferState:
        """Pay a person by 商家转账, scene 1005; see the contract."""
        _check_number(_TRANSFER_NUMBER, number)
        _check_amount(amount_fen, at_least=TRANSFER_FEN_MIN)
        if not openid:
            _refuse("the person's openid is missing")
        app_id = self._own_app(app_id)
        if amount_fen >= NAME_NEEDED_FROM_FEN and not real_name:
            _refuse("from 2,000 yuan on the person's real name is needed")
        remark = remark[:_REMARK_MAX] or number
        told = self._ask(
            self._library.mch_transfer_bills,
            out_bill_no=number,
            transfer_scene_id=TRANSFER_SCENE,
            appid=app_id,
            openid=openid,
            transfer_amount=amount_fen,
            transfer_remark=remark,
            # WeChat compares the name; the library encrypts it. Tiny transfers may not carry one.
            user_name=real_name if real_name and amount_fen >= NAME_ALLOWED_FROM_FEN else None,
            transfer_scene_report_infos=[
                {"info_type": "岗位类型", "info_content": TRANSFER_POST},
                {"info_type": "报酬说明", "info_content": remark},
            ],
            notify_url=self._notify_url("transfer"),
        )
        with Understanding():
            return _about(number, wechat_words.transfer_state(told, amount_fen))

    def query_transfer(self, number: str) -> TransferState:
        """Ask what became of a transfer; see the contract."""
        _check_number(_TRANSFER_NUMBER, number)
        try:
            told = self._ask(self._library.mch_transfer_bills_query, out_bill_no=number)
        except GatewayRefused as refusal:
            if refusal.code in _NOT_FOUND:
                return TransferState(number=number, state="not_found")
            raise
        with Understanding():
            self._check_ours(told, "mch_id")
            return _about(number, wechat_words.transfer_state(told))

    def cancel_transfer(self, number: str) -> TransferState:
        """Withdraw what the person has not confirmed; ``processing`` until a query says ``cancelled``."""
        _check_number(_TRANSFER_NUMBER, number)
        told = self._ask(self._library.mch_transfer_bills_cancel, out_bill_no=number)
        with Understanding():
            return _about(number, wechat_words.transfer_state(told, 0))

    def read_notice(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """Prove and open a notice; see the contract."""
        return self._notices.read(headers, body, now)

    def book(self, since: datetime) -> Iterator[BookEntry]:
        """The daily bills from ``since`` on: payments, refunds and transfers that happened.

        WeChat makes a day's bill on the next morning, so today's entries are usually missing.
        """
        return self._bills.entries(since)

    def _notify_url(self, kind: str) -> str:
        return self._credentials.notify_base_url + NOTIFY_PATHS[kind]

    def _own_app(self, app_id: str) -> str:
        found = app_id or self._credentials.app_id
        if found not in self._credentials.app_ids:
            _refuse(f"the app {found!r} is not bound to our merchant")
        return found

    def _check_ours(self, told: Mapping[str, Any], name: str) -> None:
        if told[name] != self._credentials.merchant_id:
            raise ValueError("the answer speaks of another merchant")

    def _call(self, deed: Callable[..., tuple[int, Any]], **arguments: Any) -> tuple[int, Any]:
        require_no_transaction()
        try:
            return deed(**arguments)
        except requests.RequestException as error:
            raise GatewayUnknown(f"WeChat did not answer: {type(error).__name__}") from error
        except Exception as error:
            # The library raises bare exceptions for answers it cannot verify; the deed may have been done.
            raise GatewayUnknown(f"WeChat's answer cannot be believed: {error}") from error

    def _ask(self, deed: Callable[..., tuple[int, Any]], **arguments: Any) -> dict[str, Any]:
        status, content = self._call(deed, **arguments)
        told = _json(content)
        if status in (200, 201, 202, 204):
            if told is None and content:
                raise GatewayUnknown("WeChat's answer is not JSON")
            return told or {}
        code = told.get("code") if told else None
        if status == requests.codes.too_many_requests or not 400 <= status < 500 or code in _BUSY:
            raise GatewayUnknown(f"WeChat answered {status} {code or ''}".strip())
        if not isinstance(code, str) or not code:
            # Some proxy on the way said so, not WeChat.
            raise GatewayUnknown(f"status {status} without WeChat's code")
        raise GatewayRefused(code, str((told or {}).get("message", "")))


def set_base_address(library: Library, address: str) -> None:
    """The one place where the library's address is set; it keeps it in a private attribute."""
    core = library._core  # noqa: SLF001 - there is no other way
    if not hasattr(core, "_gate_way"):
        raise AttributeError("this version of wechatpayv3 keeps its address elsewhere")
    core._gate_way = address  # noqa: SLF001


def _json(content: Any) -> dict[str, Any] | None:
    try:
        told = json.loads(content)
    except (TypeError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def _about(number: str, state: S) -> S:
    """The state, if it speaks of the number that was asked for: a signed answer may belong to another question."""
    if state.number != number:
        raise ValueError("the answer speaks of another number")
    return state


def _check_number(pattern: re.Pattern[str], number: str) -> None:
    if not pattern.match(number):
        _refuse(f"the number {number!r} does not fit WeChat's rules")


def _check_amount(amount_fen: int, *, at_least: int) -> None:
    if type(amount_fen) is not int or amount_fen < at_least:
        _refuse(f"the amount must be whole fen, at least {at_least}")


def _refuse(message: str) -> NoReturn:
    raise GatewayRefused("PARAM_ERROR", message)


def _rfc3339(moment: datetime) -> str:
    if moment.tzinfo is None:
        _refuse("the expiry has no time zone")
    return moment.astimezone(UTC).astimezone(CHINA).isoformat(timespec="seconds")
