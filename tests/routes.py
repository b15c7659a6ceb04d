"""Every address of the shop, and what ``docs/access.toml`` says about it."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

FILE = Path(__file__).resolve().parent.parent / "docs" / "access.toml"
ROLES = ("anonymous", "customer", "distributor", "supplier", "staff")
_TOLD = tomllib.loads(FILE.read_text(encoding="utf-8"))
GROUPS = {name: frozenset(roles) for name, roles in _TOLD["groups"].items()} | {
    role: frozenset([role]) for role in ROLES
}
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_GROUP = re.compile(r"\(\?P<(\w+)>([^)]*)\)")


@dataclass(frozen=True)
class Route:
    """One address: its pattern from the root, and the view behind it."""

    pattern: str
    view: Any

    @property
    def methods(self) -> list[str]:
        """The methods worth trying: those of an API view, else reading and sending a form."""
        api = getattr(self.view, "cls", None)
        if api is None:
            return ["GET", "POST"]
        return [name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(api, name)]

    @property
    def parameters(self) -> list[str]:
        return _PARAMETER.findall(self.pattern) + [name for name, _inside in _GROUP.findall(self.pattern)]

    def url(self, values: dict[str, str]) -> str:
        """Return the address with these values."""
        text = _GROUP.sub(lambda found: values[found.group(1)], self.pattern)
        text = _PARAMETER.sub(lambda found: values[found.group(1)], text)
        return "/" + text.replace("^", "").replace("$", "").replace("\\", "")


def routes() -> list[Route]:
    """Return every route of the resolver, in its order, each pattern once."""
    found: dict[str, Route] = {}
    for pattern, entry in _walk(get_resolver()):
        found.setdefault(pattern, Route(pattern, entry.callback))
    return list(found.values())


def _walk(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        pattern = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry, pattern)
        else:
            yield pattern, entry


@dataclass(frozen=True)
class Rule:
    """What the file says about a route."""

    may: frozenset[str]
    # "path": the address names a thing, which must be the caller's. "caller": rows are the caller's own.
    owner: str = ""
    # From a prefix: models differ in what may be done with them, so only refusals are promised.
    is_prefix: bool = False


@dataclass
class Access:
    """The file: rules by pattern and by prefix."""

    by_pattern: dict[str, Rule]
    by_prefix: dict[str, Rule]
    used: set[str] = field(default_factory=set)

    def rule(self, pattern: str) -> Rule | None:
        """Return the rule of a pattern, or of the longest prefix that covers it."""
        if pattern in self.by_pattern:
            self.used.add(pattern)
            return self.by_pattern[pattern]
        prefixes = [prefix for prefix in self.by_prefix if pattern.startswith(prefix)]
        if not prefixes:
            return None
        longest = max(prefixes, key=len)
        self.used.add(longest)
        return self.by_prefix[longest]


def access() -> Access:
    """Read the file."""

    def rule(facts: dict[str, Any], *, is_prefix: bool) -> Rule:
        return Rule(GROUPS[facts["may"]], facts.get("owner", ""), is_prefix)

    return Access(
        {name: rule(facts, is_prefix=False) for name, facts in _TOLD["routes"].items()},
        {name: rule(facts, is_prefix=True) for name, facts in _TOLD["prefixes"].items()},
    )
