"""Asking the API as a mini-program does: JSON in, JSON out, a bearer token, a visitor key.

A ``Caller`` is one device. ``fingerprint`` is what all tables hold, so that a test can say that nothing
was written.
"""

import itertools
import json
from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.http import HttpResponse
from django.test import Client

from shop.accounts.actions import issue_tokens
from shop.accounts.models import User
from tests import world

BASE = "/api/v1/"
PROBLEM = "application/problem+json"
# What a refused request may leave behind: counters of tries, kept keys, sessions of visitors.
NOISE = ("accounts_trycount", "django_session", "work_idempotencykey")
_keys = itertools.count(1)


def new_key() -> str:
    """Return an idempotency key nobody used before."""
    return f"key-{next(_keys):08d}"


class Caller:
    """One device that asks: nobody, a visitor with a key, or a signed-in person."""

    def __init__(self, user: User | None = None, *, visitor: str = "", language: str = "en") -> None:
        self.headers = {"Accept-Language": language}
        if visitor:
            self.headers["X-Visitor-Key"] = visitor
        if user is not None:
            self.sign_in(user)
        # What the application raises comes back as the answer a client would get.
        self.client = Client(raise_request_exception=False)

    def sign_in(self, user: User) -> None:
        """Carry an access token from now on."""
        self.carry(issue_tokens(user=user, device="test", now=world.now()).access)

    def carry(self, token: str) -> None:
        """Carry this token from now on."""
        self.headers["Authorization"] = f"Bearer {token}"

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "",
        raw: bytes | str | None = None,
        content_type: str = "application/json",
        **headers: str,
    ) -> Any:
        """Send one request; ``path`` below ``/api/v1/`` unless it begins with a slash."""
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            sent["Idempotency-Key"] = key
        data = raw if raw is not None else "" if body is None else json.dumps(body)
        url = path if path.startswith(("/", "http")) else BASE + path
        return self.client.generic(method, url, data, content_type=content_type, headers=sent)

    def get(self, path: str, **more: Any) -> Any:
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.ask("POST", path, {} if body is None else body, **more)

    def put(self, path: str, body: Any, **more: Any) -> Any:
        return self.ask("PUT", path, body, **more)

    def patch(self, path: str, body: Any, **more: Any) -> Any:
        return self.ask("PATCH", path, body, **more)

    def delete(self, path: str, **more: Any) -> Any:
        return self.ask("DELETE", path, **more)


def told(answer: HttpResponse, status: int = 200) -> Any:
    """Return the facts of an answer that has this status."""
    assert answer.status_code == status, (answer.status_code, answer.content.decode()[:1_000])
    return json.loads(answer.content) if answer.content else None


def refused(answer: HttpResponse, status: int, code: str = "", field: str = "") -> dict[str, Any]:
    """Return the problem of a refusal, whole and well formed, naming ``field`` if one is given."""
    problem: dict[str, Any] = told(answer, status)
    assert answer["Content-Type"] == PROBLEM
    assert problem["status"] == status
    assert problem["type"] == f"urn:linjia:problem:{problem['code']}"
    assert problem["title"] and problem["detail"]
    assert problem["instance"].startswith("/api/")
    if code:
        assert problem["code"] == code, problem
    if field:
        assert [error["field"] for error in problem["errors"]] == [field], problem
        assert all(error["message"] for error in problem["errors"])
    return problem


def fingerprint(*, besides: Iterable[str] = ()) -> dict[str, tuple[int, int]]:
    """Return, by table, how many rows there are and a checksum of them all."""
    skipped = (*NOISE, *besides)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1"
        )
        tables = [name for (name,) in cursor.fetchall() if not name.startswith(skipped)]
        counts = " UNION ALL ".join(
            f"SELECT '{name}', count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {name} t"
            for name in tables
        )
        cursor.execute(counts)
        return {name: (count, int(total)) for name, count, total in cursor.fetchall()}


def changed(before: dict[str, tuple[int, int]]) -> list[str]:
    """Return the tables that differ from an earlier fingerprint."""
    after = fingerprint()
    return [name for name, facts in after.items() if before.get(name, facts) != facts]
