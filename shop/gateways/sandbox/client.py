"""``SandboxControl``: the counter's other side as Python methods, for tests and for the demo."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

_TIMEOUT = (3, 30)


class SandboxError(Exception):
    """The sandbox would not do it: WeChat's code and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class SentNotice(tuple[dict[str, str], bytes]):  # noqa: SLOT001 - a tuple cannot have named slots
    """A notice as ``(headers, body)``, which also knows where it goes and what it is about."""

    url: str
    path: str
    kind: str
    number: str
    event_id: str

    def __new__(cls, told: dict[str, Any]) -> Self:
        notice = super().__new__(cls, (told["headers"], told["body"].encode()))
        notice.url = told["url"]
        notice.path = urlsplit(told["url"]).path
        notice.kind = told["kind"]
        notice.number = told["number"]
        notice.event_id = told["event_id"]
        return notice

    @property
    def headers(self) -> dict[str, str]:
        return self[0]

    @property
    def body(self) -> bytes:
        return self[1]


@dataclass(frozen=True)
class BookLine:
    """One movement of money in the sandbox's book."""

    kind: str
    number: str
    state: str
    amount_fen: int
    gateway_id: str
    at: datetime


class SandboxControl:
    """Everything other people and bad luck can do. Raises ``SandboxError`` when the sandbox will not do it."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._session = requests.Session()
        # Loopback only: a proxy from the environment has no business here.
        self._session.trust_env = False
        # Stories play with many people at once.
        self._session.mount("http://", HTTPAdapter(pool_maxsize=64))

    # Customers

    def pay(self, number: str, *, openid: str = "", amount_fen: int | None = None) -> dict[str, Any]:
        """The customer pays an open order; the notice is on its way. ``amount_fen`` pays another sum (attack)."""
        paid: dict[str, Any] = self._do("pay", number=number, openid=openid, amount_fen=amount_fen)
        return paid

    def pay_late(self, number: str, *, openid: str = "") -> dict[str, Any]:
        """The customer's money arrives although the order is closed or its time is over."""
        paid: dict[str, Any] = self._do("pay", number=number, openid=openid, force=True)
        return paid

    def pay_again(self, number: str, *, openid: str = "") -> dict[str, Any]:
        """The customer pays a paid order once more: a second transaction under the same number."""
        return self.pay_late(number, openid=openid)

    def confirm_transfer(self, number: str) -> dict[str, Any]:
        """The person accepts the money inside WeChat."""
        paid: dict[str, Any] = self._do("confirm_transfer", number=number)
        return paid

    def openid_of(self, name: str) -> str:
        """The openid of a made-up person."""
        openid: str = self._get("identity", name=name)["openid"]
        return openid

    def login_code(self, name: str, suffix: str = "") -> str:
        """A code that signs in as a made-up person; each works once, so give suffixes for more."""
        return f"login:{name}:{suffix}" if suffix else f"login:{name}"

    def phone_code(self, phone: str, suffix: str = "") -> str:
        """A code of the phone button for a number; each works once."""
        return f"phone:{phone}:{suffix}" if suffix else f"phone:{phone}"

    def refuse_messages(self, openid: str) -> None:
        """A person takes no subscription messages from now on."""
        self._do("refuse_messages", openid=openid)

    # The course of refunds and transfers

    def hold_refunds(self) -> None:
        """Refunds stay in processing until ``finish_refund``."""
        self.turn(refund_mode="hold")

    def fail_refunds(self, mode: str = "abnormal") -> None:
        """Refunds end ``abnormal`` or ``closed``."""
        self.turn(refund_mode=mode)

    def finish_refund(self, number: str, state: str = "SUCCESS") -> dict[str, Any]:
        """A refund ends: SUCCESS, ABNORMAL or CLOSED."""
        told: dict[str, Any] = self._do("finish_refund", number=number, state=state)
        return told

    def advance_transfer(self, number: str, state: str) -> None:
        """A transfer moves to ACCEPTED, PROCESSING, WAIT_USER_CONFIRM or TRANSFERING."""
        self._do("advance_transfer", number=number, state=state)

    def fail_transfer(self, number: str, reason: str = "ACCOUNT_ABNORMAL") -> dict[str, Any]:
        """A transfer ends in failure."""
        told: dict[str, Any] = self._do("finish_transfer", number=number, state="FAIL", fail_reason=reason)
        return told

    def expire_transfers(self) -> None:
        """A day and a minute pass: what nobody confirmed fails."""
        self.shift_clock(seconds=24 * 3600 + 60)

    # Clock, knobs, chance

    def shift_clock(self, *, seconds: float) -> None:
        """Move the sandbox's clock further by so many seconds."""
        self.turn(clock_offset=self.state()["knobs"]["clock_offset"] + seconds)

    def skew_signatures(self, seconds: int) -> None:
        """WeChat's machines are wrong by so many seconds: notices and answers carry that time."""
        self.turn(signature_offset=seconds, check_client_clock=False)

    def turn(self, **knobs: Any) -> dict[str, Any]:
        """Turn knobs (``shop.gateways.sandbox.world.KNOBS``) and return all positions."""
        positions: dict[str, Any] = self._do("knobs", **knobs)
        return positions

    def seed(self, seed: int) -> None:
        """Make chance repeatable."""
        self._do("seed", seed=seed)

    def reset(self) -> None:
        """Forget everything but the keys."""
        self._do("reset")

    # Bad luck

    def fail(self, endpoint: str, mode: str, *, times: int | None = 1, percent: int = 100, **options: Any) -> None:
        """Let calls of an endpoint (``*`` for all) fail in a mode of ``faults.MODES``; ``times=None`` is endless.

        Options: ``seconds`` for delays and time-outs, ``status``, ``code``, ``message`` for ``refuse``.
        """
        self._do("fault", endpoint=endpoint, mode=mode, times=times, percent=percent, **options)

    def heal(self) -> None:
        """Forget all failures that are still to come."""
        self._do("clear_faults")

    # Notices

    def queue_notices(self) -> None:
        """Keep notices for ``pending_notices`` instead of posting them."""
        self.turn(notify_mode="queue")

    def send_notices(self) -> None:
        """Post notices to the shop."""
        self.turn(notify_mode="send")

    def pending_notices(self, kind: str = "") -> list[SentNotice]:
        """Take the queued notices, oldest first, signed now. ``notice_copies`` repeats each,
        ``notice_reorder`` turns the order round, dropped and delayed ones are missing.
        """
        return [SentNotice(told) for told in self._do("take_notices", kind=kind)]

    def replay_notices(self, number: str, *, fresh: bool = False) -> list[SentNotice]:
        """The notices of a number once more: byte for byte as last sent, or signed anew."""
        return [SentNotice(told) for told in self._do("replay", number=number, fresh=fresh)]

    def resend_notices(self, number: str) -> list[int]:
        """Post the notices of a number to the shop once more and return its answers."""
        answers: list[int] = self._do("resend", number=number)
        return answers

    def forge_notice(self, variant: str, number: str, amount_fen: int) -> tuple[dict[str, str], bytes]:
        """A notice that must be refused; see ``forgery_variants``."""
        return self._delivery(self._do("forge", variant=variant, number=number, amount_fen=amount_fen))

    def claim_notice(self, number: str, amount_fen: int, **changed: Any) -> tuple[dict[str, str], bytes]:
        """A truly signed notice of success with any content, such as a smaller amount or a foreign transaction."""
        return self._delivery(self._do("forge", number=number, amount_fen=amount_fen, changed=changed))

    def forgery_variants(self) -> list[str]:
        """The names ``forge_notice`` takes."""
        names: list[str] = self.state()["variants"]
        return names

    # Reading

    def state(self) -> dict[str, Any]:
        """Everything the book holds, by table, and all knobs."""
        told: dict[str, Any] = self._get("state")
        return told

    def book(self) -> list[BookLine]:
        """Every movement of money, oldest first."""
        return [BookLine(**(line | {"at": datetime.fromisoformat(line["at"])})) for line in self._get("book")]

    def messages(self) -> list[dict[str, Any]]:
        """The subscription messages that were sent, oldest first, as rows of the book."""
        return [deed for deed in self.state()["deeds"] if deed["what"] == "message"]

    def calls(self, endpoint: str = "") -> list[dict[str, Any]]:
        """The calls the shop made, oldest first; ``status`` 0 means that it got no answer."""
        return [call for call in self.state()["calls"] if endpoint in ("", call["endpoint"])]

    # Transport

    @staticmethod
    def _delivery(told: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        body: str = told["body"]
        return told["headers"], body.encode("latin-1")

    def _do(self, deed: str, **data: Any) -> Any:
        answer = self._session.post(f"{self.base_url}/control/{deed}", json=data, timeout=_TIMEOUT)
        return self._read(answer)["result"]

    def _get(self, what: str, **query: str) -> Any:
        answer = self._session.get(f"{self.base_url}/control/{what}", params=query, timeout=_TIMEOUT)
        return self._read(answer)

    @staticmethod
    def _read(answer: requests.Response) -> Any:
        told = answer.json()
        if answer.status_code != requests.codes.ok:
            raise SandboxError(told.get("code", str(answer.status_code)), told.get("message", answer.text))
        return told
