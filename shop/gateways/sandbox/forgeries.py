"""Notices that must not be believed, each wrong in one way, made with real keys where a thief would have them.

All claim that a payment succeeded. A shop that accepts any of them gives goods away.
"""

import base64
import json
import secrets
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from shop.gateways.sandbox.notices import envelope
from shop.gateways.sandbox.wire import rfc3339, signed_headers
from shop.gateways.sandbox.world import World

Delivery = tuple[dict[str, str], bytes]


def _claim(world: World, number: str, amount_fen: int, **changed: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "appid": world.keys.app_id,
        "mchid": world.keys.merchant_id,
        "out_trade_no": number,
        "transaction_id": world.new_id("4200"),
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "OTHERS",
        "attach": "",
        "success_time": rfc3339(world.now()),
        "payer": {"openid": "oForged"},
        "amount": {"total": amount_fen, "payer_total": amount_fen, "currency": "CNY", "payer_currency": "CNY"},
    }
    return told | changed


class _Forger:
    """Makes one forged notice about one payment."""

    def __init__(self, world: World, number: str, amount_fen: int) -> None:
        self.world, self.number, self.amount_fen = world, number, amount_fen

    def claim(self, **changed: Any) -> dict[str, Any]:
        return _claim(self.world, self.number, self.amount_fen, **changed)

    def body(self, resource: dict[str, Any] | None = None, **changed: Any) -> bytes:
        told = envelope(
            self.world,
            kind="payment",
            event_type="TRANSACTION.SUCCESS",
            resource=resource or self.claim(),
            key=changed.pop("key", None),
        )
        told["resource"] |= changed.pop("sealed", {})
        return json.dumps(told | changed, ensure_ascii=False).encode()

    def headers(self, body: bytes, *, shift: int = 0, key: Any = None, **changed: str) -> dict[str, str]:
        world = self.world
        moment = world.signing_time() + shift
        told = signed_headers(key or world.platform_key, world.keys.platform_key_id, body, moment)
        told |= {name.replace("_", "-"): value for name, value in changed.items()}
        return {"Content-Type": "application/json", **told}

    def signed(self, body: bytes, **options: Any) -> Delivery:
        return self.headers(body, **options), body


def _no_headers(forger: _Forger) -> Delivery:
    return {"Content-Type": "application/json"}, forger.body()


def _no_signature(forger: _Forger) -> Delivery:
    headers, body = forger.signed(forger.body())
    del headers["Wechatpay-Signature"]
    return headers, body


def _empty_signature(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(), Wechatpay_Signature="")


def _broken_signature(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(), Wechatpay_Signature="not base64 at all")


def _random_signature(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(), Wechatpay_Signature=base64.b64encode(secrets.token_bytes(256)).decode())


def _strange_key(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(), key=generate_private_key(public_exponent=65537, key_size=2048))


def _merchant_key(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(), key=forger.world.merchant_key)


def _unknown_serial(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(), Wechatpay_Serial="PUB_KEY_ID_0000000000000000")


def _certificate_serial(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(), Wechatpay_Serial="444F4864EA9B34415A0F6A2DE5F1C39AB0C8B7F1")


def _no_serial(forger: _Forger) -> Delivery:
    headers, body = forger.signed(forger.body())
    del headers["Wechatpay-Serial"]
    return headers, body


def _old(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(), shift=-24 * 3600)


def _from_the_future(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(), shift=3600)


def _fresh_timestamp_on_old(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(), shift=-24 * 3600, Wechatpay_Timestamp=str(forger.world.signing_time()))


def _timestamp_no_number(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(), Wechatpay_Timestamp="soon")


def _nonce_reused(forger: _Forger) -> Delivery:
    headers = forger.headers(forger.body())
    return headers, forger.body(forger.claim(payer={"openid": "oOther"}))


def _probe(forger: _Forger) -> Delivery:
    return forger.signed(
        forger.body(), Wechatpay_Signature="WECHATPAY/SIGNTEST/" + base64.b64encode(secrets.token_bytes(192)).decode()
    )


def _other_algorithm(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(), Wechatpay_Signature_Type="WECHATPAY2-HMAC-SHA256")


def _other_merchant(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(forger.claim(mchid="1900000109")))


def _other_app(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(forger.claim(appid="wx0000000000000000")))


def _no_app(forger: _Forger) -> Delivery:
    claim = forger.claim()
    del claim["appid"]
    return forger.signed(forger.body(claim))


def _other_currency(forger: _Forger) -> Delivery:
    amount = {"total": forger.amount_fen, "payer_total": forger.amount_fen, "currency": "JPY", "payer_currency": "JPY"}
    return forger.signed(forger.body(forger.claim(amount=amount)))


def _other_key_of_secret(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(key=secrets.token_hex(16)))


def _sealed_otherwise(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(sealed={"associated_data": "refund"}))


def _other_cipher(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(sealed={"algorithm": "AEAD_SM4_GCM"}))


def _in_clear(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(resource_type="plain-resource", sealed={"plain": forger.claim()}))


def _unparseable(forger: _Forger) -> Delivery:
    return forger.signed(forger.body()[:-7])


def _not_an_object(forger: _Forger) -> Delivery:
    return forger.signed(b'["TRANSACTION.SUCCESS"]')


def _empty(forger: _Forger) -> Delivery:
    return forger.signed(b"")


def _not_text(forger: _Forger) -> Delivery:
    return forger.headers(b"\xc3\xa9"), b"\xff\xfe\x00"


def _re_encoded(forger: _Forger) -> Delivery:
    body = forger.body()
    return forger.headers(body), json.dumps(json.loads(body), indent=1).encode()


def _one_byte_off(forger: _Forger) -> Delivery:
    body = forger.body()
    return forger.headers(body), body.replace(b"TRANSACTION.SUCCESS", b"TRANSACTION.SUCCESs", 1)


def _event_of_another_kind(forger: _Forger) -> Delivery:
    return forger.signed(forger.body(event_type="MCHTRANSFER.BILL.FINISHED"))


def _amount_as_text(forger: _Forger) -> Delivery:
    amount = {"total": f"{forger.amount_fen}", "payer_total": forger.amount_fen, "currency": "CNY"}
    return forger.signed(forger.body(forger.claim(amount=amount)))


VARIANTS: dict[str, Callable[[_Forger], Delivery]] = {
    make.__name__.removeprefix("_"): make
    for make in (
        _no_headers,
        _no_signature,
        _empty_signature,
        _broken_signature,
        _random_signature,
        _strange_key,
        _merchant_key,
        _unknown_serial,
        _certificate_serial,
        _no_serial,
        _old,
        _from_the_future,
        _fresh_timestamp_on_old,
        _timestamp_no_number,
        _nonce_reused,
        _probe,
        _other_algorithm,
        _other_merchant,
        _other_app,
        _no_app,
        _other_currency,
        _other_key_of_secret,
        _sealed_otherwise,
        _other_cipher,
        _in_clear,
        _unparseable,
        _not_an_object,
        _empty,
        _not_text,
        _re_encoded,
        _one_byte_off,
        _event_of_another_kind,
        _amount_as_text,
    )
}


def forge(world: World, variant: str, number: str, amount_fen: int) -> Delivery:
    """Make the forged notice of a name in ``VARIANTS``; an unknown name raises ``KeyError``."""
    return VARIANTS[variant](_Forger(world, number, amount_fen))


def claim_with_true_keys(world: World, number: str, amount_fen: int, changed: dict[str, Any]) -> Delivery:
    """A correctly signed and sealed notice of success with any content.

    Only WeChat could send it; it shows that the shop compares amount, number and transaction with its own books.
    """
    forger = _Forger(world, number, amount_fen)
    return forger.signed(forger.body(forger.claim(**changed)))
