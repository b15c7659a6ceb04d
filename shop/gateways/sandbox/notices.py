"""Notices: written in the same transaction as their cause, encrypted, signed at the moment of sending.

A notice is ``waiting`` (to be posted), ``queued`` (kept for ``take``), ``delivered``, ``dropped`` or ``given_up``.
"""

import base64
import json
import os
import secrets
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shop.gateways.sandbox.wire import rfc3339, signed_headers
from shop.gateways.sandbox.world import World

# The shop has this long to answer, seconds.
ANSWER_WITHIN = 5
_ORIGINAL_TYPES = {"payment": "transaction", "refund": "refund", "transfer": "mch_payment"}
_REORDER_SPREAD = 2.0


def write_notice(world: World, *, kind: str, number: str, event_type: str, resource: dict[str, Any], url: str) -> None:
    """Put a notice into the book; call it inside the transaction of its cause. No address, no notice."""
    if not url:
        return
    body = envelope(world, kind=kind, event_type=event_type, resource=resource)
    state = "queued" if world.knob("notify_mode") == "queue" else "waiting"
    if world.happens(world.knob("notice_drop_percent")):
        state = "dropped"
    delay = float(world.knob("notice_delay_seconds")) if world.happens(world.knob("notice_delay_percent")) else 0.0
    if world.knob("notice_reorder"):
        delay += world.chance.uniform(0, _REORDER_SPREAD)
    world.book.insert(
        "notices",
        event_id=body["id"],
        kind=kind,
        number=number,
        url=url,
        body=json.dumps(body, ensure_ascii=False),
        state=state,
        due_at=time.time() + delay,
        copies=max(1, int(world.knob("notice_copies"))),
    )
    world.bell.set()


def envelope(
    world: World, *, kind: str, event_type: str, resource: dict[str, Any], key: str | None = None
) -> dict[str, Any]:
    """A notice as it goes over the wire, its resource encrypted under the APIv3 key (or another)."""
    nonce = secrets.token_hex(6)
    associated = _ORIGINAL_TYPES[kind]
    cipher = AESGCM((key or world.keys.api_v3_key).encode())
    sealed = cipher.encrypt(nonce.encode(), json.dumps(resource, ensure_ascii=False).encode(), associated.encode())
    return {
        "id": secrets.token_hex(16),
        "create_time": rfc3339(world.now()),
        "resource_type": "encrypt-resource",
        "event_type": event_type,
        "summary": event_type,
        "resource": {
            "original_type": _ORIGINAL_TYPES[kind],
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": base64.b64encode(sealed).decode(),
            "associated_data": associated,
            "nonce": nonce,
        },
    }


def sign_now(world: World, body: str) -> dict[str, str]:
    """The headers of a notice sent now."""
    return {
        "Content-Type": "application/json",
        **signed_headers(world.platform_key, world.keys.platform_key_id, body.encode(), world.signing_time()),
    }


def as_delivery(notice: sqlite3.Row, headers: dict[str, str]) -> dict[str, Any]:
    """A notice in the form the control API gives away."""
    return {
        "event_id": notice["event_id"],
        "kind": notice["kind"],
        "number": notice["number"],
        "url": notice["url"],
        "headers": headers,
        "body": notice["body"],
    }


def take(world: World, kind: str = "") -> list[dict[str, Any]]:
    """Hand over every queued notice that is due, oldest first, each as often as it has copies."""
    taken: list[dict[str, Any]] = []
    with world.book.transaction():
        found = world.book.rows(
            "SELECT * FROM notices WHERE state = 'queued' AND due_at <= ? AND (? = '' OR kind = ?) ORDER BY position",
            time.time() + (_REORDER_SPREAD if world.knob("notice_reorder") else 0),
            kind,
            kind,
        )
        for notice in found:
            for _ in range(notice["copies"]):
                headers = sign_now(world, notice["body"])
                taken.append(as_delivery(notice, headers))
            _remember(world, notice, "delivered", headers, None)
    if world.knob("notice_reorder"):
        # Never the order they were written in, when there are two or more.
        taken.reverse()
    return taken


def replay(world: World, number: str, *, fresh: bool) -> list[dict[str, Any]]:
    """Give the notices of a number once more: byte for byte as last sent, or freshly signed."""
    found = world.book.rows("SELECT * FROM notices WHERE number = ? ORDER BY position", number)
    again = []
    for notice in found:
        if fresh or notice["last_headers"]:
            headers = sign_now(world, notice["body"]) if fresh else json.loads(notice["last_headers"])
            again.append(as_delivery(notice, headers))
    return again


def _remember(world: World, notice: sqlite3.Row, state: str, headers: dict[str, str], answer: int | None) -> None:
    world.book.run(
        "UPDATE notices SET state = ?, last_headers = ?, answer = ?, attempts = attempts + 1 WHERE event_id = ?",
        state,
        json.dumps(headers),
        answer,
        notice["event_id"],
    )


class Courier:
    """Posts waiting notices until the shop says yes or the plan ends."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="courier")

    def send_due(self) -> None:
        """Start the delivery of what is due now."""
        with self.world.book.transaction():
            due = self.world.book.rows(
                "SELECT * FROM notices WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at, position LIMIT 200",
                time.time(),
            )
            for notice in due:
                # Pushed away while in flight; a kill -9 in between means that it is sent again.
                self.world.book.run(
                    "UPDATE notices SET due_at = ? WHERE event_id = ?",
                    time.time() + 2 * ANSWER_WITHIN,
                    notice["event_id"],
                )
        for notice in due:
            self._pool.submit(self._deliver, notice)

    def _deliver(self, notice: sqlite3.Row) -> None:
        headers = sign_now(self.world, notice["body"])
        answer = post(notice["url"], headers, notice["body"])
        with self.world.book.transaction():
            present = self.world.book.row("SELECT * FROM notices WHERE event_id = ?", notice["event_id"])
            if present is None or present["state"] != "waiting":
                return
            if answer in (200, 204):
                left = present["copies"] - 1
                _remember(self.world, present, "waiting" if left else "delivered", headers, answer)
                self.world.book.run(
                    "UPDATE notices SET copies = ?, due_at = ? WHERE event_id = ?",
                    max(left, 1),
                    time.time(),
                    notice["event_id"],
                )
            else:
                self._put_back(present, headers, answer)
        self.world.bell.set()

    def _put_back(self, notice: sqlite3.Row, headers: dict[str, str], answer: int) -> None:
        plan = self.world.knob("notice_retries")
        tried = notice["attempts"]
        _remember(self.world, notice, "waiting" if tried < len(plan) else "given_up", headers, answer)
        if tried < len(plan):
            self.world.book.run(
                "UPDATE notices SET due_at = ? WHERE event_id = ?",
                time.time() + float(plan[tried]),
                notice["event_id"],
            )


def post(url: str, headers: dict[str, str], body: str) -> int:
    """Send one notice and return the shop's status, or 0 when there was no answer."""
    try:
        # The shop is on this machine: a proxy from the environment must not see the notice.
        with requests.Session() as session:
            session.trust_env = os.environ.get("LINJIA_SANDBOX_TRUST_PROXY") == "1"
            return session.post(
                url, data=body.encode(), headers=headers, timeout=ANSWER_WITHIN, allow_redirects=False
            ).status_code
    except requests.RequestException:
        return 0
