"""Proving WeChat's notices. Whatever is wrong with one, the answer is ``NoticeRejected``, never a crash, never a yes."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from wechatpayv3 import WeChatPay as Library

from shop.gateways.contract import Notice, NoticeKind, NoticeRejected
from shop.gateways.credentials import Credentials
from shop.gateways.wechat_words import (
    NOTICE_KINDS,
    PAYMENT_STATES,
    REFUND_STATES,
    TRANSFER_STATES,
    fen,
    moment,
)

BODY_BYTES_MAX = 64 * 1024
ALGORITHM = "WECHATPAY2-SHA256-RSA2048"
# WeChat sends such signatures to see whether a shop really verifies.
PROBE = "WECHATPAY/SIGNTEST/"
_HEADERS = (
    "Wechatpay-Signature",
    "Wechatpay-Timestamp",
    "Wechatpay-Nonce",
    "Wechatpay-Serial",
    "Wechatpay-Signature-Type",
)
_TIMESTAMP_DIGITS_MAX = 12


class NoticeReader:
    """Reads the notices for one merchant."""

    def __init__(self, library: Library, credentials: Credentials, *, max_age_seconds: int) -> None:
        self._library = library
        self._credentials = credentials
        self._max_age_seconds = max_age_seconds

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """Return a proven notice. Raises ``NoticeRejected`` with the reason."""
        proof = self._proof(headers, now)
        if len(body) > BODY_BYTES_MAX:
            raise NoticeRejected("the body is too long")
        try:
            told = self._library.callback(proof, body)
        except Exception as error:
            # The library raises TypeError, ValueError and bare Exception for one and the same: not proven.
            raise NoticeRejected(f"not verifiable: {type(error).__name__}") from error
        if not told:
            raise NoticeRejected("signature or encryption is wrong")
        try:
            notice = self._notice(told)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise NoticeRejected(f"cannot be understood: {error!r}") from error
        self._check_addressee(notice)
        return notice

    def _proof(self, headers: Mapping[str, str], now: datetime) -> dict[str, str]:
        """The five headers under their own names, checked as far as that goes without a key."""
        given = {name.lower().replace("_", "-").removeprefix("http-"): value for name, value in headers.items()}
        proof = {name: str(given.get(name.lower(), "")) for name in _HEADERS}
        missing = [name for name, value in proof.items() if not value]
        if missing:
            raise NoticeRejected(f"missing: {', '.join(missing)}")
        if proof["Wechatpay-Signature"].startswith(PROBE):
            raise NoticeRejected("a probe of WeChat's")
        if proof["Wechatpay-Signature-Type"] != ALGORITHM:
            raise NoticeRejected("another algorithm")
        # Before the library: it would go and ask the network for a certificate it does not know.
        if proof["Wechatpay-Serial"] != self._credentials.platform_key_id:
            raise NoticeRejected("signed with a key that is not WeChat's")
        stamp = proof["Wechatpay-Timestamp"]
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= _TIMESTAMP_DIGITS_MAX):
            raise NoticeRejected("the timestamp is not a number")
        age = now.timestamp() - int(stamp)
        if abs(age) > self._max_age_seconds:
            raise NoticeRejected(f"signed {age:.0f} s ago")
        return proof

    def _notice(self, told: Mapping[str, Any]) -> Notice:
        kind = NOTICE_KINDS[told["event_type"].partition(".")[0]]
        raw = told["resource"]
        created_at = moment(told["create_time"])
        if created_at is None or not isinstance(raw, dict):
            raise ValueError("a part is missing")
        facts = _facts(kind, raw)
        texts = {name: value for name, value in facts.items() if name != "amount_fen"}
        if not all(isinstance(value, str) for value in texts.values()) or not facts["number"]:
            raise ValueError("a name or number is not a text")
        # Texts cannot hold NUL in our database, and no honest notice carries one.
        if "\\u0000" in json.dumps(raw):
            raise ValueError("a NUL character")
        return Notice(
            event_id=_event_id(told["id"]),
            kind=kind,
            created_at=created_at,
            raw=raw,
            **facts,
        )

    def _check_addressee(self, notice: Notice) -> None:
        if notice.merchant_id != self._credentials.merchant_id:
            raise NoticeRejected("for another merchant")
        # Refunds and transfers do not name the app; where it is named it must be one of ours.
        if notice.app_id not in self._credentials.app_ids and (notice.app_id or notice.kind == "payment"):
            raise NoticeRejected("for another app")


def _event_id(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 64:
        raise ValueError("the event has no proper id")
    return value


def _facts(kind: NoticeKind, raw: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "payment":
        if raw["amount"].get("currency") != "CNY":
            raise ValueError("another currency")
        return {
            "number": raw["out_trade_no"],
            "state": PAYMENT_STATES[raw["trade_state"]],
            "amount_fen": fen(raw["amount"]["total"]),
            "merchant_id": raw["mchid"],
            "app_id": raw.get("appid", ""),
            "transaction_id": raw["transaction_id"],
        }
    if kind == "refund":
        if raw["amount"].get("currency", "CNY") != "CNY":
            raise ValueError("another currency")
        return {
            "number": raw["out_refund_no"],
            "state": REFUND_STATES[raw["refund_status"]],
            "amount_fen": fen(raw["amount"]["refund"]),
            "merchant_id": raw["mchid"],
            "app_id": raw.get("appid", ""),
            "transaction_id": raw["refund_id"],
        }
    return {
        "number": raw["out_bill_no"],
        "state": TRANSFER_STATES[raw["state"]],
        "amount_fen": fen(raw["transfer_amount"]),
        "merchant_id": raw["mch_id"],
        "app_id": raw.get("appid", ""),
        "transaction_id": raw["transfer_bill_no"],
    }
