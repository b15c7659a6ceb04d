"""The days of the neighbourhood, in the order of time, through the actions real people use.

Every moment is passed in, so nothing here turns a clock; the sandbox WeChat is told the moment too,
so that its book agrees with ours.
"""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from django.utils import timezone

from distributors.commissions import actions as commissions
from distributors.links import actions as links
from distributors.links.attribution import TouchFact
from distributors.links.models import ShareLink
from distributors.links.rules import Opening
from distributors.stores.models import Store
from orders.aftersales.models import AfterSale
from orders.checkout.items import Item
from orders.checkout.place import place_order
from orders.demo.cast import CUSTOMERS
from orders.demo.reviews import say
from orders.flow import aftersale, delivery, payment, reversal, tasks
from orders.lifecycle.models import Order, OrderLine, SupplierOrder
from orders.lifecycle.states import SupplierOrderState
from orders.payments.actions import start_payment
from orders.settlements import actions as settlements
from shop.accounts.models import User
from shop.accounts.queries import addresses_of
from shop.base.errors import DomainError
from shop.base.numbers import new_number, token_hash
from shop.catalogue.models import Product, Sku
from shop.gateways.sandbox.client import SandboxControl

ORDERS_PER_DAY = (1, 1, 1, 2, 2)
CARRIERS = ("顺丰速运", "中通快递", "京东物流", "圆通速递")
BATCH = 2_000
REVIEW_CHANCE = 0.55


@dataclass(order=True)
class _Moment:
    at: datetime
    place: int
    act: Callable[[datetime], None] = field(compare=False)


class Story:
    """Plays the days one after the other. The same seed plays the same story."""

    def __init__(
        self,
        *,
        sandbox: SandboxControl,
        stores: list[Store],
        products: list[Product],
        days: int,
        now: datetime,
    ) -> None:
        self.sandbox, self.stores, self.products = sandbox, stores, products
        self.days, self.now = days, now
        self.random = Random(20_260_401)  # noqa: S311 - a story, not a secret
        # What people say has dice of its own: it changes nothing of what they do.
        self.talk = Random(20_260_402)  # noqa: S311 - as above
        self.moments: list[_Moment] = []
        self.order_of_moments = itertools.count()
        self.customers = list(User.objects.filter(phone__in=[role.phone for role in CUSTOMERS]))
        self.links = list(ShareLink.objects.filter(store__in=stores).select_related("store", "product"))

    def play(self) -> int:
        """Play everything up to now; return how many orders there are."""
        self._plan()
        while self.moments and self.moments[0].at <= self.now:
            moment = heapq.heappop(self.moments)
            moment.act(moment.at)
        self.tell_sandbox(None)
        return Order.objects.count()

    def at(self, at: datetime, act: Callable[[datetime], None]) -> None:
        """Plan something; what lies after now never happens."""
        heapq.heappush(self.moments, _Moment(at, next(self.order_of_moments), act))

    def _plan(self) -> None:
        first = self.now - timedelta(days=self.days)
        for day in range(self.days):
            morning = first + timedelta(days=day)
            self.at(morning, self._visits)
            for _number in range(self.random.choice(ORDERS_PER_DAY)):
                self.at(morning + self._some(hours=20), self._buy)
            self.at(morning + timedelta(hours=23), self._settle)
        # Today's orders wait for their parcels, and a few are still on somebody's mind.
        for hours in (1, 2, 3, 5, 6, 7):
            self.at(self.now - timedelta(hours=hours), self._buy)
        for minutes in (5, 12):
            self.at(self.now - timedelta(minutes=minutes), self._buy_and_think)
        self.at(self.now - timedelta(hours=3), self._complain_of_recent)

    def tell_sandbox(self, at: datetime | None) -> None:
        """Let WeChat live at a moment of the story; None is the present again."""
        offset = (at - timezone.now()).total_seconds() if at else 0
        self.sandbox.turn(clock_offset=offset, check_client_clock=at is None)

    def _some(self, *, hours: float) -> timedelta:
        return timedelta(minutes=self.random.randint(1, int(hours * 60)))

    # --- what happens ---------------------------------------------------------------------------

    def _visits(self, at: datetime) -> None:
        """A day's openings of the stores' links; busier stores have more."""
        openings = []
        for link in self.links:
            weight = 5 - self.stores.index(link.store)
            for _number in range(self.random.randint(0, 2 * weight)):
                visitor = token_hash(f"demo-visitor-{self.random.randint(1, 400)}")
                openings.append(_opening(link, at + self._some(hours=22), visitor, None))
        links.store_openings(openings=openings)

    def _buy(self, at: datetime) -> None:
        order = self._place(at)
        if order is None:
            return
        chance = self.random.random()
        if chance < 0.06:
            self.at(order.expires_at + timedelta(seconds=1), self._expire(order))
        elif chance < 0.12:
            self.at(at + timedelta(minutes=8), self._cancel(order))
        else:
            self.at(at + timedelta(minutes=self.random.randint(1, 20)), self._pay(order))

    def _buy_and_think(self, at: datetime) -> None:
        self._place(at)

    def _place(self, at: datetime) -> Order | None:
        """Somebody follows a link (or comes by herself) and orders one to three things."""
        user = self.random.choice(self.customers)
        link = self.random.choice(self.links) if self.random.random() < 0.85 else None
        store_code = ""
        if link is not None:
            opened = _opening(link, at - timedelta(minutes=9), token_hash(f"demo-{user.pk}"), user.pk)
            links.store_openings(openings=[opened])
            store_code = link.store.code
        wishes = self.random.sample(self.products, self.random.choice((1, 1, 2, 2, 3)))
        if link is not None and link.product is not None:
            wishes[0] = link.product
        skus = [self._sku(product) for product in dict.fromkeys(wishes)]
        items = [Item(sku.number, self.random.choice((1, 1, 1, 2, 3)), store_code) for sku in skus if sku]
        address = addresses_of(user).first()
        if not items or address is None:
            return None
        try:
            return place_order(user=user, items=items, address_number=address.number, now=at)
        except DomainError:
            # Sold out meanwhile, as in life.
            return None

    def _sku(self, product: Product) -> Sku | None:
        skus = list(product.skus.filter(is_active=True, stock__on_hand__gte=4))
        return self.random.choice(skus) if skus else None

    def _expire(self, order: Order) -> Callable[[datetime], None]:
        def act(at: datetime) -> None:
            reversal.expire_order(number=order.number, now=at)

        return act

    def _cancel(self, order: Order) -> Callable[[datetime], None]:
        def act(at: datetime) -> None:
            actor = f"user:{order.user.number}"
            reversal.cancel_order(order=order, actor=actor, reason="拍错规格了", now=at)

        return act

    def _pay(self, order: Order) -> Callable[[datetime], None]:
        def act(at: datetime) -> None:
            self.tell_sandbox(at)
            started = start_payment(order=order, kind="native", payer_openid=None, now=at)
            self.sandbox.pay(started.number)
            payment.query_payment(number=started.number, now=at + timedelta(seconds=3))
            for part in SupplierOrder.objects.filter(order=order):
                self.at(at + timedelta(hours=8) + self._some(hours=26), self._ship(part.pk))

        return act

    def _ship(self, part_id: int) -> Callable[[datetime], None]:
        def act(at: datetime) -> None:
            part = SupplierOrder.objects.get(pk=part_id)
            if part.state != SupplierOrderState.TO_SHIP:
                return
            delivery.ship(
                supplier_order=part,
                carrier=self.random.choice(CARRIERS),
                tracking_number=f"SF{self.random.randint(10**11, 10**12 - 1)}",
                actor=f"supplier:{part.supplier.code}",
                now=at,
            )
            self.at(at + timedelta(days=2) + self._some(hours=40), self._receive(part_id))

        return act

    def _receive(self, part_id: int) -> Callable[[datetime], None]:
        def act(at: datetime) -> None:
            part = SupplierOrder.objects.select_related("order__user").get(pk=part_id)
            if part.state != SupplierOrderState.SHIPPED:
                return
            actor = f"user:{part.order.user.number}"
            delivery.confirm_receipt(supplier_order=part, actor=actor, now=at)
            chance = self.random.random()
            if chance < 0.12:
                self.at(at + self._some(hours=60), self._complain(part_id))
            elif self.talk.random() < REVIEW_CHANCE:
                self.at(at + timedelta(hours=self.talk.randint(4, 90)), say(part_id, self.talk))
            ends = OrderLine.objects.filter(supplier_order=part).values_list("window_ends_at", flat=True)
            last = max((end for end in ends if end), default=at)
            self.at(last + timedelta(minutes=1), self._complete(part.number))

        return act

    def _complain(self, part_id: int) -> Callable[[datetime], None]:
        """One line of the parcel has a fault: some are agreed, one is refused, the last ones wait."""

        def act(at: datetime) -> None:
            line = OrderLine.objects.filter(supplier_order=part_id).select_related("order__user").first()
            if line is None:
                return
            reason = self.random.choice(("damaged", "quality", "not_as_described"))
            try:
                case = aftersale.open_aftersale(
                    user=line.order.user,
                    order_number=line.order.number,
                    line=line.line,
                    kind=AfterSale.Kind.REFUND_ONLY,
                    reason=reason,
                    quantity=1,
                    text="收到有一件坏了，附图。",
                    now=at,
                )
            except DomainError:
                return
            self.at(at + timedelta(hours=5) + self._some(hours=20), self._answer(case))

        return act

    def _complain_of_recent(self, at: datetime) -> None:
        """Two cases that nobody has answered yet."""
        received = SupplierOrder.objects.filter(state=SupplierOrderState.RECEIVED).order_by("-pk")
        for part in received[:2]:
            self._complain(part.pk)(at)

    def _answer(self, case: AfterSale) -> Callable[[datetime], None]:
        def act(at: datetime) -> None:
            actor = f"supplier:{case.supplier_order.supplier.code}"
            if self.random.random() < 0.8:
                aftersale.agree(aftersale=case, actor=actor, text="抱歉，马上退您。", now=at)
                self.at(at + timedelta(minutes=1), self._send_refund(case))
            else:
                aftersale.reject(aftersale=case, actor=actor, text="图片看不出问题，请补充照片。", now=at)

        return act

    def _send_refund(self, case: AfterSale) -> Callable[[datetime], None]:
        def act(at: datetime) -> None:
            case.refresh_from_db()
            number = case.refund_number
            if number:
                self.tell_sandbox(at)
                tasks.send_refund(subject=number, now=at)
                tasks.query_refund(subject=number, now=at + timedelta(seconds=5))

        return act

    def _complete(self, number: str) -> Callable[[datetime], None]:
        def act(at: datetime) -> None:
            delivery.complete_supplier_order(number=number, now=at)

        return act

    def _settle(self, at: datetime) -> None:
        commissions.settle_due(limit=BATCH, now=at)
        settlements.settle_due(limit=BATCH, now=at)


def _opening(link: ShareLink, at: datetime, visitor_hash: str, user_id: int | None) -> Opening:
    touch = TouchFact(
        number=new_number("T"),
        at=at,
        token=link.token,
        store_id=link.store_id,
        store_code=link.store.code,
        product_id=link.product_id,
        channel=link.channel,
    )
    return Opening(touch, visitor_hash, user_id)
