"""What every answer says to a browser: every page there is, as everybody who may see it, and the errors too."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as current
from django.contrib import admin
from django.core.files.storage import default_storage
from django.test import Client, RequestFactory
from django.urls import path
from django.utils import timezone

from settings import urls as assembled
from shop.accounts import actions
from shop.accounts.models import AccessToken
from shop.panel.site import supplier_site
from tests import world
from tests.routes import ROLES, access, routes
from tests.two_worlds import RANDOM, Town, media_file, token_of

pytestmark = pytest.mark.django_db

ALWAYS = {
    "object-src": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "default-src": "'self'",
    "form-action": "'self'",
}


@pytest.fixture
def town(settings: Any) -> Iterator[Town]:
    yield Town()
    default_storage.delete(media_file())


def policy(answer: Any) -> dict[str, str]:
    """Return the answer's content security policy by directive."""
    parts = [part.strip().partition(" ") for part in answer.headers.get("Content-Security-Policy", "").split(";")]
    return {name: sources for name, _, sources in parts if name}


def faults(answer: Any) -> list[str]:
    """Return what an answer fails to say."""
    headers, wrong = answer.headers, []
    if headers.get("X-Content-Type-Options") != "nosniff":
        wrong.append("no nosniff")
    if headers.get("Referrer-Policy") != "strict-origin-when-cross-origin":
        wrong.append("no referrer policy")
    wrong += [f"{name}: CORS" for name in headers if name.lower().startswith("access-control-")]
    wrong += [f"tells {name}" for name in headers if name.lower() in {"server", "x-powered-by"}]
    if not headers.get("Content-Type", "").startswith("text/html"):
        return wrong
    told = policy(answer)
    wrong += [f"{name} is {told.get(name)}" for name, value in ALWAYS.items() if told.get(name) != value]
    wrong += [
        f"script-src has {word}" for word in ("'unsafe-inline'", "*", "data:") if word in told["script-src"].split()
    ]
    if headers.get("X-Frame-Options") != "DENY":
        wrong.append("may be framed")
    if headers.get("Cross-Origin-Opener-Policy") != "same-origin":
        wrong.append("opener policy")
    if "camera=()" not in headers.get("Permissions-Policy", ""):
        wrong.append("permissions policy")
    return wrong


def pages(town: Town) -> Iterator[tuple[str, str, bool]]:
    """Yield role, address and whether the answer is that person's own, for every route and role that may read it."""
    rules = access()
    for route in routes():
        rule = rules.rule(route.pattern)
        if rule is None or rule.is_prefix or "GET" not in route.methods:
            continue
        # A visitor and one person: what the others see differs in its words, not in its headers.
        named = sorted(rule.may - {"anonymous"}, key=ROLES.index)[:1]
        for role in (*(rule.may & {"anonymous"}), *named):
            is_personal = bool(rule.owner) or "anonymous" not in rule.may
            yield role, route.url(town.values(route, town.own[role])), is_personal


def office_pages(town: Town) -> Iterator[tuple[str, str, bool]]:
    """Yield every list and record of both back offices, and one act's page of each kind of record."""
    for role, prefix, site in (("staff", "admin", admin.site), ("supplier", "supplier", supplier_site)):
        request = RequestFactory().get("/")
        request.user = town.own[role].user
        yield role, f"/{prefix}/", True
        for model, model_admin in site._registry.items():
            base = f"/{prefix}/{model._meta.app_label}/{model._meta.model_name}/"
            yield role, base, True
            row = model_admin.get_queryset(request).order_by("pk").first()
            if row is not None:
                yield role, f"{base}{row.pk}/change/", True
                for act in getattr(model_admin, "acts", ())[:1]:
                    yield role, f"{base}{row.pk}/act/{act.name}/", True


def test_every_page_says_what_browsers_may_do_and_keep(town: Town) -> None:
    wrong, seen = [], 0
    for role, url, is_personal in (*pages(town), *office_pages(town)):
        answer = town.ask(role, "GET", url)
        seen += 1
        wrong += [f"{role} {url}: {fault}" for fault in faults(answer)]
        if is_personal and answer.status_code == 200 and "no-store" not in answer.headers.get("Cache-Control", ""):
            wrong.append(f"{role} {url}: {answer.status_code} may be kept: {answer.headers.get('Cache-Control')}")
    assert not wrong, "\n".join(wrong)
    assert seen > 150


def explode(request: Any) -> None:
    """A view that fails."""
    raise RuntimeError("as planned")


class Failing:
    """The shop's addresses, and one more that fails."""

    urlpatterns = [path("explode/", explode), *assembled.urlpatterns]


def test_errors_say_it_too(town: Town, settings: Any) -> None:
    missing = town.ask("customer", "GET", f"/orders/{RANDOM}/")
    assert (missing.status_code, faults(missing)) == (404, [])
    settings.ROOT_URLCONF = Failing
    strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
    plain = Client(raise_request_exception=False)
    answers = {
        404: plain.get("/nothing-here/"),
        403: strict.post("/cart/put-in/", {}),
        405: plain.get("/sign-out/"),
        500: plain.get("/explode/"),
        400: Client(headers={"Host": "evil.example"}, raise_request_exception=False).get("/"),
    }
    assert {status: answer.status_code for status, answer in answers.items()} == {status: status for status in answers}
    assert {status: faults(answer) for status, answer in answers.items()} == {status: [] for status in answers}
    for answer in answers.values():
        assert b"Traceback" not in answer.content and b"as planned" not in answer.content


def test_strict_transport_is_told_under_tls(settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = 31_536_000, True
    settings.SECURE_HSTS_PRELOAD = True
    for url in ("/", "/sign-in/", "/nothing-here/", "/api/v1/products/", "/healthz"):
        answer = Client().get(url, secure=True)
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
        assert "Strict-Transport-Security" not in Client().get(url).headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://testserver.evil.example",
        "https://testserver",
        "file://",
        "http://localhost",
    ],
)
def test_no_other_origin_is_let_in(origin: str) -> None:
    for url in ("/", "/api/v1/products/", "/api/v1/me/"):
        for method in ("get", "options"):
            headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            answer = getattr(Client(raise_request_exception=False), method)(url, headers=headers)
            assert [name for name in answer.headers if name.lower().startswith("access-control-")] == []


def test_cookies_are_for_this_site_alone_and_out_of_scripts_reach(settings: Any) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    world.person("苏 Su")
    browser = Client()
    browser.get("/sign-in/", secure=True)
    browser.post("/sign-in/?way=password", {"phone": "13800000001", "password": world.PASSWORD}, secure=True)
    cookies = {name: browser.cookies[name] for name in (current.SESSION_COOKIE_NAME, current.CSRF_COOKIE_NAME)}
    assert {(bool(c["httponly"]), c["samesite"], bool(c["secure"]), c["domain"]) for c in cookies.values()} == {
        (True, "Lax", True, "")
    }


def test_signing_in_changes_the_session_and_signing_out_ends_it_at_the_server() -> None:
    world.person("苏 Su")
    browser = Client()
    # A session somebody else may have planted.
    browser.session.save()
    session = browser.session
    session["planted"] = "yes"
    session.save()
    browser.cookies[current.SESSION_COOKIE_NAME] = session.session_key or ""
    planted = session.session_key

    browser.post("/sign-in/?way=password", {"phone": "13800000001", "password": world.PASSWORD})
    mine = browser.cookies[current.SESSION_COOKIE_NAME].value
    assert mine != planted
    assert is_in(mine) and not is_in(planted)

    browser.post("/sign-out/")
    assert not is_in(mine)


def is_in(session_key: str) -> bool:
    """Whether a browser with this cookie is somebody."""
    browser = Client()
    browser.cookies[current.SESSION_COOKIE_NAME] = session_key
    return browser.get("/me/").status_code == 200


def test_what_is_taken_away_is_gone_at_the_next_request() -> None:
    su, yun = world.person("苏 Su"), world.yunling().members.get().user
    browser, office = Client(), Client()
    browser.force_login(su)
    office.force_login(yun)
    su.is_staff = su.is_superuser = True
    su.save()
    assert browser.get("/admin/accounts/user/").status_code == 200
    type(su).objects.filter(pk=su.pk).update(is_superuser=False)
    assert browser.get("/admin/accounts/user/").status_code == 403
    type(su).objects.filter(pk=su.pk).update(is_staff=False)
    assert browser.get("/admin/accounts/user/").status_code == 302

    assert office.get("/supplier/").status_code == 200
    yun.supplier_member.delete()
    assert office.get("/supplier/").status_code == 302

    token = {"Authorization": f"Bearer {token_of(su)}"}
    assert Client().get("/api/v1/me/", headers=token).status_code == 200
    actions.close_account(user=su, actor="staff:U1", reason="test", now=timezone.now())
    assert Client().get("/api/v1/me/", headers=token).status_code == 401
    assert browser.get("/me/").status_code == 302
    assert not AccessToken.objects.filter(user=su, revoked_at=None).exists()
