"""docs/access.toml, tried: every route with every role, with own, foreign and random things."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib import admin
from django.core.files.storage import default_storage
from django.db import models, transaction
from django.test import Client, RequestFactory

from distributors.links.models import ShareLink
from shop.panel.site import supplier_site
from tests.asking import changed, fingerprint
from tests.routes import GROUPS, ROLES, Access, Route, Rule, access, routes
from tests.standing import standing
from tests.two_worlds import CANARY, RANDOM, Town, media_file

pytestmark = pytest.mark.django_db

# Where somebody is sent who may not enter here (yet).
DOORS = ("/sign-in/", "/admin/login/", "/supplier/login/", "/dashboard/join/")
REFUSED = (401, 403, 404)


@pytest.fixture(scope="module")
def rules() -> Access:
    return access()


# --- the file and the resolver --------------------------------------------------------------------


def test_every_route_is_in_the_file_and_the_file_names_no_other(rules: Access) -> None:
    unknown = [route.pattern for route in routes() if rules.rule(route.pattern) is None]
    lines = [f'{json.dumps(pattern)} = {{ may = "signed-in", owner = "path" }}' for pattern in unknown]
    assert not unknown, "Add to [routes] of docs/access.toml, saying who may:\n" + "\n".join(lines)
    gone = (set(rules.by_pattern) | set(rules.by_prefix)) - rules.used
    assert not gone, "Take out of docs/access.toml, no such route is left:\n" + "\n".join(sorted(gone))


@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: Any) -> Iterator[Town]:
    """Both worlds, made once for this module and taken back after it."""
    with standing(django_db_blocker):
        yield Town()
    default_storage.delete(media_file())


@pytest.fixture
def town(built: Town, db: None) -> Town:
    return built


def is_refused(answer: Any) -> bool:
    if answer.status_code in REFUSED:
        return True
    return answer.status_code in (301, 302, 303) and answer["Location"].startswith(DOORS)


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens inside did not happen."""
    block = transaction.atomic()
    block._from_testcase = True
    with block:
        yield
        transaction.set_rollback(True)


def answers_of(town: Town, role: str, route: Route, url: str) -> list[Any]:
    """Return what a role gets for each method of a route, all undone; methods there are not are left out."""
    found = []
    for method in route.methods:
        with undone():
            answer = town.ask(role, method, url)
            text = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert answer.status_code != 500, f"{role} {method} {url}: {answer.status_code} {text[:300]!r}"
        if answer.status_code != 405:
            answer.text_read = text.decode(errors="replace")
            found.append(answer)
    return found


def line_of(pattern: str, rule: Rule, may: set[str]) -> str:
    names = [name for name, roles in GROUPS.items() if roles == may] or [str(sorted(may, key=ROLES.index))]
    owner = f', owner = "{rule.owner}"' if rule.owner else ""
    return f'{json.dumps(pattern)} = {{ may = "{names[0]}"{owner} }}'


def check(town: Town, route: Route, rule: Rule) -> list[str]:
    """Return what is wrong with one route of the shop's own."""
    wrong, seen = [], set()
    for role in ROLES:
        answers = answers_of(town, role, route, route.url(town.values(route, town.own[role])))
        if any(not is_refused(answer) for answer in answers):
            seen.add(role)
        if role in rule.may and rule.owner == "path":
            wrong += foreign(town, role, route)
        if rule.owner and any(CANARY in answer.text_read for answer in answers):
            wrong.append(f"{role} reads strangers' texts at {route.pattern}")
    if seen != rule.may:
        wrong.append(f"the shop allows: {line_of(route.pattern, rule, seen)} and the file says {sorted(rule.may)}")
    return wrong


def foreign(town: Town, role: str, route: Route) -> list[str]:
    """Try strangers' and random things: refused, and nothing of theirs is told."""
    wrong = []
    values = town.values(route, town.foreign)
    made_up = {
        name: RANDOM if isinstance(value, str) and not value.isdigit() else "7" for name, value in values.items()
    }
    for label, tried in (("a stranger's", values), ("a made-up", made_up)):
        for answer in answers_of(town, role, route, route.url(tried)):
            # A form is looked at before its thing: 400 says nothing about anybody's.
            # A page that refuses a form goes back with a message; that nothing was done is tested below.
            goes_back = answer.status_code == 302 and answer.wsgi_request.method == "POST"
            if not is_refused(answer) and answer.status_code != 400 and not goes_back:
                wrong.append(f"{role} gets {answer.status_code} for {label} thing at {route.pattern}")
            if CANARY in answer.text_read:
                wrong.append(f"{role} reads strangers' texts at {route.pattern}")
    return wrong


def test_who_may_go_where(town: Town, rules: Access) -> None:
    """Pages, API, webhooks: allowed and refused exactly as the file says."""
    wrong: list[str] = []
    for route in routes():
        rule = rules.rule(route.pattern)
        if rule is not None and not rule.is_prefix:
            wrong += check(town, route, rule)
    assert not wrong, "\n".join(wrong)


def test_refusals_change_nothing(town: Town, rules: Access) -> None:
    """Every refused role and every stranger's thing again, this time for good: no table differs."""
    wrong: list[str] = []
    before = fingerprint()
    for route in routes():
        rule = rules.rule(route.pattern)
        if rule is None or rule.is_prefix:
            continue
        for role in ROLES:
            if role in rule.may and rule.owner != "path":
                continue
            things = town.foreign if role in rule.may else town.own[role]
            for method in route.methods:
                town.ask(role, method, route.url(town.values(route, things)))
        if tables := changed(before):
            wrong.append(f"{route.pattern} wrote {tables} although it refused")
            before = fingerprint()
    assert not wrong, "\n".join(wrong)


# --- back offices: generated from their registries ------------------------------------------------


def _panel_routes(rules: Access, prefix: str) -> list[tuple[Route, Rule]]:
    found = [(route, rules.rule(route.pattern)) for route in routes() if route.pattern.startswith(prefix)]
    return [(route, rule) for route, rule in found if rule is not None and rule.is_prefix]


def _model_of(site: Any, pattern: str) -> tuple[type[models.Model], Any] | tuple[None, None]:
    parts = pattern.split("/")
    for model, model_admin in site._registry.items():
        if parts[1:3] == [model._meta.app_label, model._meta.model_name]:
            return model, model_admin
    return None, None


def _address(route: Route, pk: Any) -> str:
    values = {"object_id": str(pk), "app_label": "catalogue", "url": "", "content_type_id": "1", "picture": "0"}
    return route.url({name: values[name] for name in route.parameters})


@pytest.mark.parametrize(
    ("prefix", "site", "owner"), [("admin/", admin.site, "staff"), ("supplier/", supplier_site, "supplier")]
)
def test_only_its_own_people_enter_a_back_office(town: Town, rules: Access, prefix: str, site: Any, owner: str) -> None:
    before = fingerprint()
    for route, rule in _panel_routes(rules, prefix):
        assert rule.may == {owner}
        model, _admin = _model_of(site, route.pattern)
        first = model._default_manager.order_by("pk").values_list("pk", flat=True).first() if model else None
        url = _address(route, first or 1)
        for role in ROLES:
            if role == owner:
                continue
            for method in ("GET", "POST"):
                answer = town.ask(role, method, url)
                sent_away = answer.status_code in (301, 302, 303)
                assert sent_away or answer.status_code in (*REFUSED, 405), (
                    f"{role} {method} {url}: {answer.status_code}"
                )
                if sent_away:
                    assert answer["Location"].startswith((*DOORS, "/")) and not answer["Location"].startswith(url + "?")
                assert CANARY not in answer.content.decode(errors="replace")
    assert changed(before) == []


@pytest.mark.parametrize(
    ("prefix", "site", "owner"), [("admin/", admin.site, "staff"), ("supplier/", supplier_site, "supplier")]
)
def test_its_people_see_every_list_and_every_record(
    town: Town, rules: Access, prefix: str, site: Any, owner: str
) -> None:
    request = RequestFactory().get("/")
    request.user = town.own[owner].user
    for model, model_admin in site._registry.items():
        base = f"/{prefix}{model._meta.app_label}/{model._meta.model_name}/"
        answer = town.ask(owner, "GET", base)
        assert answer.status_code == 200, f"{base}: {answer.status_code}"
        if owner == "supplier":
            assert CANARY not in answer.content.decode(), f"{base} lists strangers' rows"
        mine = model_admin.get_queryset(request).order_by("pk").first()
        if mine is not None:
            shown = town.ask(owner, "GET", f"{base}{mine.pk}/change/")
            assert shown.status_code == 200, f"{base}{mine.pk}/change/: {shown.status_code}"


def test_a_supplier_reaches_no_other_suppliers_rows(town: Town, rules: Access) -> None:
    """Every act and page of every model, with a row of another supplier."""
    request = RequestFactory().get("/")
    request.user = town.own["supplier"].user
    before, tried = fingerprint(), 0
    for route, _rule in _panel_routes(rules, "supplier/"):
        model, model_admin = _model_of(supplier_site, route.pattern)
        if model is None or "object_id" not in route.parameters or not model_admin.owner_path:
            continue
        mine = model_admin.get_queryset(request).values("pk")
        theirs = model._default_manager.exclude(pk__in=mine).order_by("pk").first()
        if theirs is None:
            continue
        tried += 1
        for method in ("GET", "POST"):
            answer = town.ask("supplier", method, _address(route, theirs.pk))
            assert answer.status_code in (*REFUSED, 301, 302, 405), f"{method} {route.pattern}: {answer.status_code}"
            assert CANARY not in answer.content.decode(errors="replace")
    assert changed(before) == []
    assert tried > 30


# --- what stands outside the resolver ---------------------------------------------------------------


def test_static_files_are_everybodys(town: Town, settings: Any) -> None:
    settings.WHITENOISE_USE_FINDERS = True
    for browser in (Client(), Client(headers={"Authorization": f"Bearer {town.tokens['customer']}"})):
        assert browser.get("/static/admin/css/base.css").status_code == 200
        assert browser.get("/static/../settings/base.py").status_code == 404


SPELLINGS: list[Callable[[str], str]] = [
    str.upper,
    lambda url: f"{url.rstrip('/')}.json",
    lambda url: f"{url}?format=json",
    lambda url: f"/{url}",
    lambda url: url.replace("orders", "%6Frders"),
]


def test_other_spellings_open_nothing(town: Town) -> None:
    """A stranger's order in capitals, with a suffix, with doubled slashes, percent-encoded."""
    for role in ROLES:
        for change in SPELLINGS:
            for base in (f"/api/v1/orders/{town.foreign.order.number}/", f"/orders/{town.foreign.order.number}/"):
                answer = town.ask(role, "GET", change(base))
                assert is_refused(answer), f"{role} {change(base)}: {answer.status_code}"
                assert CANARY not in answer.content.decode(errors="replace")


def test_a_method_override_is_not_heard(town: Town) -> None:
    token = {"Authorization": f"Bearer {town.tokens['distributor']}", "X-HTTP-Method-Override": "DELETE"}
    link = town.own["distributor"].link
    assert link is not None
    answer = Client().post(f"/api/v1/me/store/links/{link.token}/", {}, content_type="application/json", headers=token)
    assert answer.status_code == 405
    assert ShareLink.objects.get(pk=link.pk).revoked_at is None
