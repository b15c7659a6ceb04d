"""Examples for docs/api.md that were really asked and answered.

What differs from run to run (numbers, tokens, instants) is replaced by a fixed stand-in of the same look.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "api.md"
WRITES = bool(os.environ.get("LINJIA_WRITE_EXAMPLES"))

_NUMBER = re.compile(r"\b(SF|[A-Z])[0-9A-HJKMNP-TV-Z]{16}\b")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_SHOWN = ("Authorization", "Idempotency-Key", "X-Visitor-Key", "X-Share-Touch")
# Long secrets and words of the channel, by the field they stand in.
_SECRETS = {
    "access": "6mYdT…",
    "refresh": "pQ81x…",
    "key": "12:nU1ewD…",
    "share_touch": "eyJ2Ijoi…",
    "next": "http://testserver/api/v1/products/?cursor=gAAAAA…",
    "previous": "http://testserver/api/v1/products/?cursor=gAAAAA…",
    "package_info": "ABBQO+…",
    "paySign": "oR9d8P…",
    "nonceStr": "5K8264…",
    "timeStamp": "1795400000",
    "package": "prepay_id=wx23…",
}
_CODES = {"b": "b7rQ2mXk9TzW", "p": "p4Hn8sVc1LdY", "k": "k9Fw3yBj6GtE"}


class Transcript:
    """Collects examples by name and compares them with the page, or writes them into it."""

    def __init__(self) -> None:
        self._examples: dict[str, str] = {}

    def note(self, name: str, method: str, url: str, headers: dict[str, str], body: Any, answer: Any) -> None:
        """Keep one request with its answer as an example."""
        lines = [f"{method} {_plain(url)}"]
        lines += [f"{title}: {_header(title, headers[title])}" for title in _SHOWN if title in headers]
        if body not in (None, {}):
            lines += ["", _pretty(body)]
        lines += ["", f"→ {answer.status_code}"]
        if answer.content:
            lines.append(_pretty(json.loads(answer.content)))
        self._examples[name] = "```http\n" + "\n".join(lines) + "\n```"

    def compare(self) -> None:
        """Assert that the page shows these examples; with LINJIA_WRITE_EXAMPLES=1 write them."""
        page = PAGE.read_text(encoding="utf-8")
        made = page
        for name, text in self._examples.items():
            mark = re.compile(rf"(<!-- {re.escape(name)} -->\n)(?:(?!<!-- ).)*(<!-- end -->)", re.DOTALL)
            found = mark.search(made)
            if found:
                made = f"{made[: found.start()]}{found[1]}{text}\n{found[2]}{made[found.end() :]}"
        if WRITES:
            PAGE.write_text(made, encoding="utf-8")
        named = set(re.findall(r"<!-- (?!end)(.+?) -->", page))
        assert named == set(self._examples), "the page's examples and the story's differ"
        assert made == page or WRITES, (
            "docs/api.md shows other answers than the API gives. Look at them, then write them anew: "
            "LINJIA_WRITE_EXAMPLES=1 .venv/bin/python -m pytest tests/orders/test_api_story.py"
        )


def _pretty(facts: Any) -> str:
    return _plain(json.dumps(_quiet(facts), ensure_ascii=False, indent=2))


def _quiet(facts: Any, name: str = "") -> Any:
    if isinstance(facts, dict):
        return {key: _quiet(value, key) for key, value in facts.items()}
    if isinstance(facts, list):
        return [_quiet(one, name) for one in facts]
    return _SECRETS[name] if isinstance(facts, str) and facts and name in _SECRETS else facts


def _header(name: str, value: str) -> str:
    if name == "Authorization":
        return "Bearer 6mYdT…"
    return "eyJ2Ijoi…" if name == "X-Share-Touch" else value


def _plain(text: str) -> str:
    text = _NUMBER.sub(lambda found: f"{found.group(1)}7Q2M9XK4T8WD3FHB", text)
    text = _INSTANT.sub("2026-11-23T10:00:00+08:00", text)
    text = re.sub(r"\b([bpk])(?=[0-9A-Za-z]*[0-9A-Z])[0-9A-Za-z]{11}\b", lambda found: _CODES[found.group(1)], text)
    text = re.sub(r"(/s/|links/|\"token\": \")[0-9A-Za-z]{12}\b", r"\g<1>Zk3Vq8LmT1xR", text)
    return re.sub(r"openid_[0-9a-z]+", "openid…", text)
