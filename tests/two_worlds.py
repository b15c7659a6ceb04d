"""Two worlds to knock at every door with.

World one belongs to the five people who knock: 苏 Su (a customer), 阿禾 Ahe (a distributor), 云姐 Yun (a
supplier), a member of staff, and nobody. World two belongs to strangers, and each private text in it
carries ``CANARY``: nobody of world one may ever read it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from distributors.codes.actions import make_code
from distributors.links.models import ShareLink
from distributors.payouts import actions as payouts
from distributors.payouts.models import Withdrawal
from distributors.stores.models import Store
from orders.checkout import cart
from orders.flow import aftersale
from orders.lifecycle.models import Order
from orders.reviews import actions as reviews
from shop.accounts.actions import issue_tokens
from shop.accounts.models import User
from shop.catalogue.actions import create_product
from shop.catalogue.models import Product
from shop.catalogue.rules import SkuDraft
from shop.coupons.models import Coupon
from shop.media import actions as media
from shop.media.models import Picture
from tests import world
from tests.distributors import sellers
from tests.orders import trade
from tests.routes import ROLES, Route, access, routes
from tests.shop.coupons import coupon
from tests.uploads import photo

# Django's and the panels' own pages, the machine's answers, and what changes who one is.
NOT_OURS = ("admin/", "supplier/", "api/", "media/", "metrics", "sign-out/", "i18n/")
CANARY = "canary-7f3a"
RANDOM = "ZZ00000000000000"


@dataclass
class Things:
    """What one person of a world owns, by what it is called in addresses."""

    user: User
    order: Order
    order_waiting: Order
    part: str
    payment: str
    case: str
    address: str
    review: str
    picture: str
    store: Store | None = None
    product: Product | None = None
    link: ShareLink | None = None
    withdrawal: Withdrawal | None = None
    sale: Order | None = None
    code: str = ""


def media_file() -> str:
    """Return the name of a picture that anybody may see."""
    name = "products/access-test.txt"
    if not default_storage.exists(name):
        default_storage.save(name, ContentFile(b"picture"))
    return name


def bought_by(user: User, tea: Product, *, secret: str = "") -> Things:
    """Let a person own one of everything that a customer owns."""
    address = world.address(user, detail=f"灵隐路 1 号 {secret}")
    waiting = world.place(user, [(tea, 1)], note=secret)
    order = world.place(user, [(tea, 2)], note=secret)
    trade.pay(order)
    trade.ship(order)
    (part,) = trade.parts(order)
    case = aftersale.open_aftersale(
        user=user,
        order_number=order.number,
        line=1,
        kind="refund_only",
        reason="other",
        quantity=1,
        text=secret,
        pictures=[picture := evidence_of(user)],
        now=world.now(),
    )
    media.draw_picture(number=picture.number, now=world.now())
    payment = trade.start(waiting, kind="native")
    cart.put_in(
        owner=cart.CartOwner(user=user),
        sku_number=world.sku_of(tea).number,
        quantity=1,
        store_code="",
        now=world.now(),
    )
    review = reviewed_by(user, tea, secret=secret)
    return Things(
        user, order, waiting, part.number, payment.number, case.number, address.number, review, picture.number
    )


def evidence_of(user: User) -> Picture:
    """Return a photo somebody sent for a case."""
    return media.keep(data=photo(), purpose=Picture.Purpose.EVIDENCE, uploader=user, now=world.now())


def reviewed_by(user: User, tea: Product, *, secret: str) -> str:
    """Let a person receive something and write about it; return the review's number."""
    order = world.place(user, [(tea, 1)], note=secret)
    trade.pay(order)
    trade.ship(order)
    trade.receive(order)
    # What she wrote is public on the goods' page; hidden, it is between her and the platform.
    review = reviews.write_review(
        user=user, order_number=order.number, line=1, stars=4, service_stars=5, text=secret, now=world.now()
    )
    reviews.hide_review(review=review, reason="试", actor=world.STAFF, now=world.now())
    return review.number


def token_of(user: User) -> str:
    """Return an access token of a person."""
    return issue_tokens(user=user, device="access test", now=world.now()).access


class Town:
    """Both worlds, and a browser and an API token for each role."""

    def __init__(self) -> None:
        self.tea = world.product(world.yunling(), "云岭白茶")
        peaches = world.product(world.yangshan(), "阳山水蜜桃", supply_fen=0)
        create_product(
            supplier=world.yangshan(),
            category=world.category(),
            title=f"还没上架 {CANARY}",
            skus=[SkuDraft(weight_g=500)],
            option_names=[],
            actor="supplier:yangshan",
            at=world.now(),
        )
        world.rule()
        self.ahe, self.bo = world.ahe(), world.store("陌 Mo", called="陌生小店")
        staff = User.objects.create_superuser("13800000099", "staff-and-tea-8", name="客服")
        people = {
            "customer": world.customer("苏 Su"),
            "distributor": self.ahe.distributor.user,
            "supplier": world.person("云姐 Yun"),
            "staff": staff,
        }
        self.own = {role: bought_by(user, self.tea) for role, user in people.items()}
        self.own["anonymous"] = self.own["customer"]
        self.foreign = bought_by(self.bo.distributor.user, peaches, secret=CANARY)
        self._sell(self.own["distributor"], self.ahe, self.tea, secret="")
        self._sell(self.foreign, self.bo, peaches, secret=CANARY)
        # One for all requests: each client puts the whole row of middleware together anew.
        self._knocker = Client(raise_request_exception=False)
        self.browsers = {role: Client(raise_request_exception=False) for role in ROLES}
        self.tokens = {role: token_of(user) for role, user in people.items()}
        for role, user in people.items():
            self.browsers[role].force_login(user)
        self.media = media_file()
        for role, browser in self.browsers.items():
            # The first visits settle whose this browser is.
            browser.get("/cart/")
            browser.get("/me/")
            self.ask(role, "GET", "/api/v1/me/")

    @staticmethod
    def _sell(things: Things, store: Any, goods: Any, *, secret: str) -> None:
        """Let a store own a pick, a link, a sale and a withdrawal."""
        things.store, things.product = store, goods
        spring = Coupon.objects.filter(code="SPRING").first() or coupon(pieces_max=10_000, for_distributors=True)
        word = "MO20" if secret else "AHE20"
        things.code = make_code(store=store, coupon=spring, code=word, now=world.now()).code
        world.own_price(store, goods, 9_800)
        things.link = world.link(store, goods)
        buyer = world.led_by(store, world.customer(f"买家 {secret}" if secret else "周 Zhou"))
        things.sale = world.place(buyer, [(goods, 2, store)], note=secret)
        trade.pay(things.sale)
        trade.settle(trade.complete(things.sale))
        sellers.payee(store, real_name=f"何禾 {secret}".strip())
        things.withdrawal = payouts.request(store=store, amount_fen=100, now=world.now())

    def values(self, route: Route, things: Things) -> dict[str, str]:
        """Return what stands in a route's address when it is about these things."""
        found = {}
        for name in route.parameters:
            value = self._value(route.pattern, name, things)
            assert value is not None, f"tests/test_access.py: say what <{name}> of {route.pattern} is"
            found[name] = str(value)
        return found

    def _value(self, pattern: str, name: str, things: Things) -> Any:
        own_store = things.store or self.ahe
        fixed: dict[str, Any] = {
            "address": things.address,
            "code": self._code(pattern, own_store),
            "kind": "payment",
            "letter": "a",
            "line": 1,
            "part": things.part,
            "path": self.media,
            "payment": things.payment,
            "picture": things.picture,
            "product": (things.product or self.tea).number,
            "rest": "nothing/",
            "sku": world.sku_of(self.tea).number,
            "word": things.code or self.own["distributor"].code,
            "token": (things.link or self.own["distributor"].link).token,
        }
        if name != "number":
            return fixed.get(name)
        named = {
            "p/": self.tea.number,
            "products/": self.tea.number,
            "store/": own_store and (things.product or self.tea).number,
            "me/addresses/": things.address,
            "orders/": things.order_waiting.number if "pay" in pattern or "cancel" in pattern else things.order.number,
            "after-sales/": things.case,
            "reviews/": things.review,
            "aftersales/": things.case,
            "dashboard/picks/": (things.product or self.tea).number,
            "dashboard/withdrawals/": things.withdrawal and things.withdrawal.number,
            "me/store/withdrawals/": things.withdrawal and things.withdrawal.number,
            "dashboard/orders/": things.sale and things.sale.number,
            "me/store/orders/": things.sale and things.sale.number,
        }
        below = pattern.removeprefix("api/v1/")
        for prefix, value in named.items():
            if below.startswith(prefix):
                return value or RANDOM
        return None

    @staticmethod
    def _code(pattern: str, own_store: Store) -> str:
        below = pattern.removeprefix("api/v1/")
        named = {"c/": "tea", "coupons/": "SPRING", "k/": "AHE20"}
        return next((code for prefix, code in named.items() if below.startswith(prefix)), own_store.code)

    def ask(self, role: str, method: str, url: str) -> Any:
        """Send a request as a role does: with its token to the API, with its session to pages."""
        client = self._knocker
        if url.startswith("/api/"):
            client.cookies = SimpleCookie()
            token = {"Authorization": f"Bearer {self.tokens[role]}"} if role in self.tokens else {}
            headers = {
                **token,
                "X-Visitor-Key": f"access-test-{role:.<12}".replace(".", "0"),
                "Idempotency-Key": "access-test",
            }
            return client.generic(
                method, url, "{}" if method != "GET" else "", content_type="application/json", headers=headers
            )
        # Cookies of before: what an answer sets (a new session at sign-out) is forgotten with it.
        client.cookies = SimpleCookie(self.browsers[role].cookies.output(header="", sep=";"))
        return client.get(url) if method == "GET" else client.post(url)


def whole_pages(town: Town) -> Iterator[tuple[str, Route, str, str]]:
    """Yield role, route, address and HTML of every whole page of the shop, as the least of those who may see it."""
    rules = access()
    for route in routes():
        rule = rules.rule(route.pattern)
        if rule is None or rule.is_prefix or not rule.may or route.pattern.startswith(NOT_OURS):
            continue
        role = next(role for role in ("anonymous", "customer", "distributor") if role in rule.may)
        url = route.url(town.values(route, town.own[role]))
        answer = town.ask(role, "GET", url)
        is_page = answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html")
        if is_page and b"<html" in answer.content:
            yield role, route, url, answer.content.decode()
