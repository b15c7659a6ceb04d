"""What strangers write into the customer's pages: addresses to lead away, and markup that must stay text."""

import re
from typing import Any

import pytest
from django.test import Client

from orders.flow import aftersale
from orders.lifecycle.models import Order
from orders.reviews import actions as reviews
from shop.accounts.models import Address
from shop.notifications.actions import notify
from tests import world
from tests.orders import trade

pytestmark = pytest.mark.django_db

AWAY = [
    "//evil.example", "///evil.example", "https://evil.example/", "https:evil.example", "http:///evil.example",
    "\\\\evil.example", "/\\evil.example", "\\/evil.example", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
    "data:text/html,x", "//evil.example%2f..", "%2f%2fevil.example", " //evil.example", "\t//evil.example",
    "/\t/evil.example", "//testserver@evil.example", "https://testserver.evil.example", "evil.example", "https://testserver:evil@evil.example",
]  # fmt: skip
MARK = "\"><img src=x onerror=alert(7)><script>alert(7)</script>'{{7*7}}"


def leads_away(place: str) -> bool:
    """Whether a browser at this shop would leave it by this address."""
    text = re.sub(r"[\t\r\n]", "", place.strip(" \x00")).replace("\\", "/")
    return text.startswith("//") or bool(re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", text))


def test_next_never_leaves_the_site(client: Client) -> None:
    """Every door that takes ``next``, by form and by address, for strangers and for people."""
    su = world.customer("苏 Su")
    client.force_login(su)
    place = {"level1": "330000", "level2": "330100", "level3": "330106"}
    address = {"name": "苏", "phone": su.phone, "detail": "灵隐路 1 号", **place}
    sign_in = {"phone": su.phone, "password": world.PASSWORD}
    for target in AWAY:
        stranger, door = Client(), Client()
        landed = [stranger.get(way, {"next": target}) for way in ("/sign-in/?way=password", "/sign-in/", "/register/")]
        landed.append(door.post("/sign-in/?way=password", {**sign_in, "next": target}))
        landed.append(door.get(landed[-1].headers["Location"]))
        ways = ("/sign-in/", "/register/", "/welcome/", "/sign-in/wechat/back/", "/admin/login/", "/place/")
        landed += [client.get(way, {"next": target}) for way in ways]
        landed.append(client.post("/me/addresses/new/", {**address, "next": target}))
        landed.append(client.post("/place/", {**place, "next": target}))
        Address.objects.all().delete()
        for answer in landed:
            assert not leads_away(answer.headers.get("Location", "")), (target, answer.wsgi_request.path)
            for found in re.findall(r'(?:href|action|value)="([^"]*evil[^"]*)"', answer.content.decode()):
                assert not leads_away(found), (target, answer.wsgi_request.path, found)


def test_what_people_write_stays_text(client: Client) -> None:
    """Every form of the customer's area with markup in it, and every page that shows what was written."""
    su = world.customer("苏 Su")
    client.force_login(su)
    goods = world.product(world.yunling(), "云岭白茶")
    client.post("/me/profile/", {"name": MARK[:40]})
    levels = {"level1": "330000", "level2": "330100", "level3": "330106"}
    facts = {"name": MARK[:40], "phone": su.phone, "detail": MARK, "pasted": MARK, "place": MARK[:20]}
    client.post("/me/addresses/new/", {**facts, **levels, "is_default": "on"})
    order: Order = world.place(su, [(goods, 1)], note=MARK)
    trade.pay(order)
    trade.ship(order)
    trade.receive(order)
    review = reviews.write_review(
        user=su, order_number=order.number, line=1, stars=5, service_stars=5, text=MARK, now=world.now()
    )
    case = aftersale.open_aftersale(
        user=su, order_number=order.number, line=1, kind="refund_only", reason="other", quantity=1, text=MARK,
        pictures=[], now=world.now(),
    )  # fmt: skip
    client.post(f"/after-sales/{case.number}/say/", {"text": MARK})
    notify(user_id=su.pk, kind="review_hidden", facts={"product": MARK, "reason": MARK}, link="/me/", at=world.now())
    sku = world.sku_of(goods).number
    client.post("/cart/put-in/", {"sku": sku, "quantity": "1"})
    pages = [
        "/", f"/search/?q={MARK}", f"/p/{goods.number}/", f"/p/{goods.number}/reviews/", f"/p/{goods.number}/reviews/part/",
        "/me/", "/me/profile/", "/me/addresses/", "/me/messages/", "/me/privacy/", "/me/privacy/leave/", "/me/devices/",
        f"/regions/?place={MARK[:20]}", f"/regions/?pick={MARK}", f"/place/?next=/{MARK}", f"/sign-in/wechat/?next=/{MARK}", "/cart/",
        f"/checkout/?sku={sku}", "/orders/", f"/orders/?q={MARK}", f"/orders/{order.number}/", f"/after-sales/{case.number}/",
        f"/after-sales/{case.number}/thread/", "/after-sales/", "/reviews/", f"/reviews/{review.number}/add/",
        f"/c/?q={MARK}", f"/me/messages/?group={MARK}&after={MARK}", f"/p/{goods.number}/?sku={MARK}",
    ]  # fmt: skip
    answers = [(page, client.get(page)) for page in pages]
    answers += refused_forms(client, {**facts, **levels})
    seen = 0
    for page, answer in answers:
        seen += marked(page, answer)
    # The markup was really there, as text.
    assert seen >= 12


def refused_forms(client: Client, facts: dict[str, Any]) -> list[tuple[str, Any]]:
    """Send markup where it is refused; return what is shown again, by whom and where."""
    stranger = Client()
    answers = [
        (f"stranger {page}", stranger.get(page)) for page in (f"/sign-in/?next=/{MARK}", f"/register/?next=/{MARK}")
    ]
    forms: list[tuple[str, dict[str, Any]]] = [
        ("/sign-in/?way=password", {"phone": MARK, "password": MARK, "next": f"/{MARK}"}),
        ("/sign-in/", {"phone": MARK, "code": MARK}),
        ("/register/", {"phone": MARK, "code": MARK, "name": MARK, "password": MARK}),
    ]
    answers += [(f"refused {page}", stranger.post(page, form)) for page, form in forms]
    mine: list[tuple[str, dict[str, Any]]] = [
        ("/me/profile/", {"name": MARK * 3}),
        ("/me/addresses/new/", {**facts, "phone": MARK, "next": f"/{MARK}"}),
        ("/me/addresses/new/", {**facts, "step": "paste"}),
        ("/me/profile/phone/", {"phone": MARK, "code": MARK, "old_code": MARK}),
        ("/me/profile/password/", {"password": MARK, "code": MARK, "new_password": MARK}),
        ("/me/privacy/leave/", {"password": MARK, "code": MARK}),
        ("/place/", {"next": f"/{MARK}", "place": MARK}),
    ]
    return answers + [(f"refused {page}", client.post(page, form)) for page, form in mine]


def marked(page: str, answer: Any) -> bool:
    """Whether a page shows the markup, which must be text wherever it stands."""
    assert answer.status_code < 500, page
    html = answer.content.decode()
    for raw in ("<img src=x", "<script>alert(7)", "onerror=alert(7)><script"):
        assert raw not in html, (page, raw)
    for block in re.findall(r'<script type="application/ld\+json"[^>]*>(.*?)</script>', html, re.DOTALL):
        assert "<" not in block, page
    return "alert(7)" in html
