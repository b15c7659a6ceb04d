"""How the sandbox hears and speaks: calls, answers, refusals, signatures."""

import base64
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

ALGORITHM = "WECHATPAY2-SHA256-RSA2048"
CHINA = timezone(timedelta(hours=8))
# WeChat refuses calls whose timestamp is further off than this, seconds.
CLOCK_TOLERANCE = 300
_AUTHORIZATION = re.compile(r'(\w+)="([^"]*)"')


class Refusal(Exception):
    """The sandbox will not do it: an HTTP status, WeChat's code, and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class NoAnswer(Exception):
    """The connection ends without an answer."""


@dataclass
class Call:
    """One request. ``target`` is the path with its query exactly as sent, since that is what was signed."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    groups: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(self.target.partition("?")[2]).items()}

    def form(self) -> dict[str, str]:
        """The fields of an HTML form."""
        return {name: values[-1] for name, values in parse_qs(self.body.decode("utf-8", "replace")).items()}

    def json(self) -> dict[str, Any]:
        """The body as an object; refused as WeChat does when it is not one."""
        try:
            data = json.loads(self.body or b"{}")
        except ValueError:
            raise Refusal(400, "PARAM_ERROR", "the body is not JSON") from None
        if not isinstance(data, dict):
            raise Refusal(400, "PARAM_ERROR", "the body is not an object")
        return data


@dataclass
class Reply:
    """One answer. ``data`` becomes JSON; ``content`` goes out as it is."""

    data: Any = None
    status: int = 200
    content: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        if self.data is None:
            return self.content
        return json.dumps(self.data, ensure_ascii=False).encode()


def sign(key: RSAPrivateKey, *lines: str) -> str:
    """RSA with SHA-256 over the lines, each ended by a line feed; Base64."""
    message = "".join(f"{line}\n" for line in lines).encode()
    return base64.b64encode(key.sign(message, PKCS1v15(), SHA256())).decode()


def is_signed(key: RSAPublicKey, signature: str, *lines: str) -> bool:
    """Whether ``signature`` is what ``sign`` makes of the lines."""
    message = "".join(f"{line}\n" for line in lines).encode()
    try:
        key.verify(base64.b64decode(signature, validate=True), message, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def read_authorization(header: str) -> dict[str, str]:
    """The parts of a client's Authorization header; refused when it is of another kind."""
    scheme, _, rest = header.partition(" ")
    if scheme != ALGORITHM:
        raise Refusal(401, "SIGN_ERROR", f"the authorization scheme must be {ALGORITHM}")
    parts = dict(_AUTHORIZATION.findall(rest))
    if set(parts) != {"mchid", "nonce_str", "signature", "timestamp", "serial_no"}:
        raise Refusal(401, "SIGN_ERROR", "the authorization header lacks a part")
    return parts


def signed_headers(key: RSAPrivateKey, key_id: str, body: bytes, timestamp: int) -> dict[str, str]:
    """The headers that prove ``body`` to be WeChat's."""
    nonce = secrets.token_hex(16)
    return {
        "Wechatpay-Timestamp": str(timestamp),
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": key_id,
        "Wechatpay-Signature": sign(key, str(timestamp), nonce, body.decode("utf-8")),
        "Wechatpay-Signature-Type": ALGORITHM,
    }


def rfc3339(seconds: float) -> str:
    """An instant as WeChat writes it: Chinese time, whole seconds."""
    return datetime.fromtimestamp(int(seconds), tz=UTC).astimezone(CHINA).isoformat()
