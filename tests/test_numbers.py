"""Public numbers cannot be guessed: enough random bits, and the neighbours of one's own numbers lead nowhere."""

import math
import string
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.files.storage import default_storage

from tests.asking import changed, fingerprint
from tests.routes import Route, access, routes
from tests.test_access import is_refused
from tests.two_worlds import RANDOM, Town, media_file

BITS_MIN = 64
READABLE = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Not numbers of things: what they may be stands in the route itself, or they count within an own order. Articles are
# everybody's, and a line of one's own cart that is not there is simply not there.
NOT_NUMBERS = {"kind", "letter", "line", "sku", "path", "rest", "url", "app_label", "object_id", "content_type_id"}


def test_every_public_number_holds_enough_random_bits() -> None:
    weak, seen = [], 0
    for model in apps.get_models():
        for field in model._meta.fields:
            if field.name not in {"number", "code", "token"} or not field.has_default() or not callable(field.default):
                continue
            made = {str(field.default()) for _ in range(300)}
            seen += 1
            length = min(map(len, made))
            # The places that differ are the random ones; digits and capitals alone come from the readable alphabet.
            places = sum(len({one[place] for one in made}) > 1 for place in range(length))
            alphabet = len(READABLE) if set("".join(made)) <= set(READABLE + string.ascii_uppercase) else 62
            if len(made) < 300 or places * math.log2(alphabet) < BITS_MIN:
                weak.append(f"{model._meta.label}.{field.name}: {places * math.log2(alphabet):.0f} bits")
    assert weak == []
    assert seen >= 8


@pytest.fixture
def town(settings: Any) -> Iterator[Town]:
    yield Town()
    default_storage.delete(media_file())


def neighbours(value: str, count: int) -> Iterator[str]:
    """Yield values that differ from one's own in the last two places, nearest first."""
    alphabet = READABLE if value.isupper() else string.digits + string.ascii_letters
    made = (value[:-2] + before + last for before in (value[-2], *alphabet) for last in alphabet)
    found = 0
    for one in made:
        if one != value and found < count:
            found += 1
            yield one


def numbered(town: Town) -> list[tuple[str, Route, dict[str, str], str]]:
    """Return role, route, its own values, and the name of the number in it."""
    rules, found = access(), []
    for route in routes():
        rule = rules.rule(route.pattern)
        names = [name for name in route.parameters if name not in NOT_NUMBERS]
        if rule is None or rule.is_prefix or not names or not rule.may:
            continue
        role = "distributor" if "distributor" in rule.may else next(iter(rule.may))
        found.append((role, route, town.values(route, town.own[role]), names[-1]))
    return found


def method_of(town: Town, role: str, route: Route, values: dict[str, str]) -> str:
    """Return a method that the route has, reading first; asked about a thing that is not there."""
    there = (method for method in route.methods if town.ask(role, method, route.url(values)).status_code != 405)
    return next(there)


@pytest.mark.django_db
def test_a_thousand_neighbours_of_own_numbers_are_nobodys(town: Town) -> None:
    ways = [
        (role, method_of(town, role, route, values | {name: RANDOM}), route, values, name)
        for role, route, values, name in numbered(town)
        # Categories have names that anybody may know.
        if len(values[name]) > 8
    ]
    each = -(-1_000 // len(ways))
    hits, tried, before = [], 0, fingerprint()
    for role, method, route, values, name in ways:
        for number in neighbours(values[name], each):
            url = route.url(values | {name: number})
            answer = town.ask(role, method, url)
            tried += 1
            # A form that names nothing of ours leads back with a message; that it did nothing is compared below.
            if not is_refused(answer) and not (method != "GET" and answer.status_code in (302, 400)):
                hits.append(f"{role} {method} {url}: {answer.status_code}")
    assert hits == []
    assert changed(before) == []
    assert tried >= 1_000
