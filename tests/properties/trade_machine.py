"""What people do in the town, one step after the other: customers, suppliers, distributors, gateway and clock.

Each rule does the same in the shop and in the model; the stage then looks at every balance, shelf and state.
"""

from types import SimpleNamespace as Thing
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from distributors.codes.actions import enter_code
from distributors.payouts import actions as payouts
from distributors.payouts.models import Withdrawal
from orders.aftersales.models import AfterSale
from orders.flow import aftersale, delivery, reversal
from orders.lifecycle.models import Order, SupplierOrder
from orders.payments import actions as payments
from orders.payments import refunds
from shop.base.errors import Conflict, Invalid
from shop.coupons.actions import CouponRefused, LimitReached, NotClaimable, claim
from shop.stock.actions import OutOfStock
from shop.work import actions as work
from tests import world
from tests.properties import model
from tests.properties.rail import REFUND_MOODS, TRANSFER_MOODS
from tests.properties.stage import BUYERS, COUPONS, DAY, GOODS, Stage

ORDERS_MAX = 5
SPOKEN_TO = "苏 Su"
WISHES = st.lists(st.tuples(st.sampled_from(list(GOODS)), st.integers(1, 3)), min_size=1, max_size=3)
COUPON = st.sampled_from(["", "", "", *COUPONS])


class TradeMachine(Stage):
    """One example: fifty things that people do."""

    @rule(span=st.sampled_from([660, 660, 660, 1_860, DAY, 2 * DAY + 60, 7 * DAY + 60, 10 * DAY + 60]))
    @precondition(lambda self: self.clock < 300 * DAY and not self.is_quiet)
    def time_passes(self, span: int) -> None:
        """Time passes; then somebody must do something before more of it does."""
        self.sweep(span)
        self.is_quiet = True

    def begin(self) -> None:
        """What every example finds: a finished sale with money to withdraw, and one on its way."""
        self.take_and_pay("周 Zhou", [("tea", 2), ("peach", 1), ("tea", 1)])
        for which in (0, 0):
            self.ship(which)
        for which in (0, 0):
            self.receive(which)
        self.compare()
        self.sweep(7 * DAY + 60)
        self.take_and_pay("陌 Mo", [("cup", 2)])
        self.ship(0)
        self.compare()

    # --- customers ------------------------------------------------------------------------------

    @rule(who=st.sampled_from(BUYERS), wishes=WISHES, coupon=COUPON)
    @precondition(lambda self: len(self.orders) < ORDERS_MAX)
    def order(self, who: str, wishes: list[tuple[str, int]], coupon: str = "") -> None:
        self.take_order(who, wishes, coupon)

    @rule(who=st.sampled_from(BUYERS), wishes=WISHES, coupon=COUPON)
    @precondition(lambda self: len(self.orders) < ORDERS_MAX)
    def buy(self, who: str, wishes: list[tuple[str, int]], coupon: str = "") -> None:
        """The usual way: she places it, pays at once, and the notice comes."""
        self.take_and_pay(who, wishes, coupon)

    def take_and_pay(self, who: str, wishes: list[tuple[str, int]], coupon: str = "") -> None:
        order = self.take_order(who, wishes, coupon)
        if order is not None:
            self.begin_paying(order, "native")
            self.rail.pay(order.payments[0])
            self.deliver(len(self.rail.notices) - 1, 1)

    def take_order(self, who: str, wishes: list[tuple[str, int]], coupon: str = "") -> Thing | None:
        """She orders, perhaps with a piece of a coupon, which she takes first if she can."""
        self.is_quiet = False
        who = SPOKEN_TO if coupon == "WORD" else who
        piece = self.take_piece(who, coupon) if coupon else Thing(code="")
        if piece is None:
            return None
        credited = {
            # Nobody led her; once she has heard 阿禾's word she is hers.
            "苏 Su": ("ahe", "lin", False) if (SPOKEN_TO, "WORD") in self.shop.pieces else ("", "", False),
            "周 Zhou": ("ahe", "lin", False),
            "陌 Mo": ("lin", "", False),
            "阿禾 Ahe": ("ahe", "lin", True),
            # Her own recruit's link wins while it is fresh; then nobody earns the second level but her, so nobody does.
            "林 Lin": ("ahe", "", False) if self.clock < 29 * DAY else ("lin", "", True),
        }[who]
        expected = self.shop.place(wishes, piece, credited, self.clock)
        items = [(self.town.skus[sku], pieces) for sku, pieces in wishes]
        try:
            made = self.place(who, items, (piece.number,) if coupon else ())
        except (OutOfStock, CouponRefused):
            assert expected is None
            return None
        assert expected is not None
        parts = list(SupplierOrder.objects.filter(order=made).order_by("pk"))
        self.orders.append(Thing(row=made, model=expected, parts=parts, payments=[], refunds=[]))
        self.dirty = True
        return self.orders[-1]

    def take_piece(self, who: str, code: str) -> Thing | None:
        """She takes a piece, or hears the word that gives one; what she holds already is hers to try."""
        may = self.shop.claim(who, code, self.clock)
        self.dirty = True
        try:
            if code == "WORD":
                entered = enter_code(code=self.town.word, user=self.town.buyers[who], now=self.now)
                made, given = entered.piece, entered.is_new
            else:
                made, given = claim(coupon=self.town.coupons[code], user=self.town.buyers[who], now=self.now), True
        except (LimitReached, NotClaimable):
            made, given = None, False
        assert given == may
        if given:
            self.shop.pieces[who, code].number = made.number
        return self.shop.pieces.get((who, code))

    def place(self, who: str, items: Any, coupons: tuple[str, ...]) -> Order:
        return world.place_order(
            user=self.town.buyers[who],
            items=world.items(items),
            address_number=self.town.addresses[who],
            coupons=coupons,
            now=self.now,
        )

    @rule(which=st.integers(0, 4), kind=st.sampled_from(["native", "h5"]))
    @precondition(lambda self: self.orders)
    def start_paying(self, which: int, kind: str) -> None:
        self.begin_paying(self.pick(self.orders, which), kind)

    def begin_paying(self, order: Thing, kind: str) -> None:
        may = order.model.state == "placed" and self.clock < order.model.until
        try:
            made = payments.start_payment(order=order.row, kind=kind, payer_openid=None, now=self.now)
        except payments.NotPayable:
            assert not may
            return
        assert may
        if made.number not in order.payments:
            order.payments.append(made.number)

    @rule(which=st.integers(0, 4))
    @precondition(lambda self: any(self.payable(order) for order in self.orders))
    def pay(self, which: int) -> None:
        """The customer pays at the gateway, perhaps a second time or too late; the shop has not heard yet."""
        order = self.pick([order for order in self.orders if self.payable(order)], which)
        self.rail.pay(self.payable(order)[which % len(self.payable(order))])

    def payable(self, order: Thing) -> list[str]:
        dues = {number: self.rail.payments[number] for number in order.payments}
        return [n for n, due in dues.items() if due.is_open and len(due.paid) < 2 and not self.was_lost(n)]

    def was_lost(self, number: str) -> bool:
        """Whether money there has lost its word: a query tells of the first payment only, so let no second hide it."""
        waiting = {notice.transaction_id for notice in self.rail.notices}
        return bool(set(self.rail.payments[number].paid) - self.told - waiting)

    @rule(which=st.integers(0, 4), is_bold=st.sampled_from([False, False, True]))
    @precondition(lambda self: self.cancellable())
    def cancel(self, which: int, is_bold: bool) -> None:
        """She changes her mind; if she is bold, also about what is on its way, which is refused."""
        order = self.pick(self.orders if is_bold else self.cancellable(), which)
        live = [part for part in order.model.parts if part.state != "closed"]
        try:
            reversal.cancel_order(order=order.row, actor="user:U", reason="别要了", now=self.now)
        except reversal.NotCancellable:
            assert order.model.state != "placed"
            assert order.model.state != "paid" or not live or any(part.state != "to_ship" for part in live)
            return
        if order.model.state == "placed":
            self.shop.cancel(order.model)
        else:
            assert order.model.state == "paid" and live and all(part.state == "to_ship" for part in live)
            lines = [line for part in live for line in (*part.lines, part.freight)]
            back = [(line, line.left_pieces, line.left) for line in lines]
            self.shop.refund(order.model, back, True)
        self.dirty = True

    def cancellable(self) -> list[Thing]:
        fresh = {"to_ship", "closed"}
        return [
            order
            for order in self.orders
            if order.model.state in ("placed", "paid") and {part.state for part in order.model.parts} <= fresh
        ]

    @rule(which=st.integers(0, 9), pieces=st.integers(0, 3), fault=st.booleans())
    @precondition(lambda self: self.askable())
    def ask_back(self, which: int, pieces: int, fault: bool) -> None:
        """A case about some of a line's pieces; what was not shipped goes back at once."""
        order, part, line, number = self.pick(self.askable(), which)
        unsent = part.state == "to_ship"
        pieces = min(max(pieces, 1 if unsent else 0), line.left_pieces)
        if line.left_pieces == 0 or (pieces == 0 and unsent) or (pieces and line.left * pieces < line.left_pieces):
            return
        self.clock += 1  # no two cases are opened at once, so silence decides them in their order
        self.shop.ask(part, line, pieces, fault, self.clock)
        aftersale.open_aftersale(
            user=order.row.user,
            order_number=order.row.number,
            line=number,
            kind="cancel_before_ship" if unsent else "refund_only",
            reason="damaged" if fault else "no_reason",
            quantity=pieces,
            now=self.now,
        )
        if unsent:
            self.shop.agree(order.model, line, True)
        self.dirty = True

    def askable(self) -> list[Any]:
        return [
            (order, part, line, number)
            for order, part, line, number in self.lines()
            if order.model.state == "paid" and not line.case and line.left
            if part.state in ("to_ship", "shipped") or (part.state == "received" and self.clock < part.at + 7 * DAY)
        ]

    def lines(self) -> list[Any]:
        return [
            (order, part, line, number)
            for order in self.orders
            for number, (part, line) in enumerate(
                ((part, line) for part in order.model.parts for line in part.lines), start=1
            )
        ]

    @rule(which=st.integers(0, 9))
    @precondition(lambda self: self.parts_in("shipped"))
    def receive(self, which: int) -> None:
        part, row = self.pick(self.parts_in("shipped"), which)
        delivery.confirm_receipt(supplier_order=row, actor="user:U", now=self.now)
        part.state, part.at, self.dirty = "received", self.clock, True

    def parts_in(self, state: str) -> list[Any]:
        paid = (order for order in self.orders if order.model.state == "paid")
        pairs = (pair for order in paid for pair in zip(order.model.parts, order.parts, strict=True))
        return [(part, row) for part, row in pairs if part.state == state]

    # --- suppliers and staff --------------------------------------------------------------------

    @rule(which=st.integers(0, 9))
    @precondition(lambda self: self.parts_in("to_ship"))
    def ship(self, which: int) -> None:
        part, row = self.pick(self.parts_in("to_ship"), which)
        parcel = delivery.ship(
            supplier_order=row, carrier="顺丰", tracking_number="SF1", actor="supplier:x", now=self.now
        )
        # Telling WeChat about a parcel is no part of this town.
        work.forget(what="shipping.upload", subject=parcel.number)
        part.state, part.at, self.dirty = "shipped", self.clock, True

    @rule(which=st.integers(0, 9), word=st.sampled_from(["agree", "agree", "reject", "withdraw"]))
    @precondition(lambda self: self.opened())
    def answer(self, which: int, word: str) -> None:
        order, _part, line, number = self.pick(self.opened(), which)
        case = AfterSale.objects.get(order=order.row, order_line__line=number, state="opened")
        if word == "agree":
            aftersale.agree(aftersale=case, actor="supplier:x", now=self.now)
            self.shop.agree(order.model, line, False)
        elif word == "reject":
            aftersale.reject(aftersale=case, actor="supplier:x", text="没坏", now=self.now)
            line.case, line.asked, line.until = "rejected", [], self.clock + model.SILENCE["rejected"]
        else:
            aftersale.withdraw(aftersale=case, actor="user:U", now=self.now)
            line.case = ""
        self.dirty = True

    def opened(self) -> list[Any]:
        return [found for found in self.lines() if found[2].case == "opened"]

    @rule(which=st.integers(0, 9), permille=st.integers(1, 1_000), freight=st.integers(0, 1))
    @precondition(lambda self: self.refundable())
    def give_back(self, which: int, permille: int, freight: int) -> None:
        """Staff give back part of a line's money, and perhaps the freight, whatever the order's age."""
        order, part, line, number = self.pick(self.refundable(), which)
        fen = max(1, line.left * permille // 1_000)
        freight_fen = part.freight.left * freight
        reversal.refund(
            order_number=order.row.number,
            lines={number: (0, fen)},
            freight_fen=freight_fen,
            cause="staff",
            restock=False,
            actor="staff:x",
            now=self.now,
        )
        self.shop.refund(order.model, [(line, 0, fen), (part.freight, 0, freight_fen)], False)
        self.dirty = True

    def refundable(self) -> list[Any]:
        return [
            (order, part, line, number)
            for order, part, line, number in self.lines()
            if order.model.state in ("paid", "completed") and line.left and len(order.model.refunds) < 8
        ]

    @rule(which=st.integers(0, 9))
    @precondition(lambda self: self.failed_refunds())
    def send_again(self, which: int) -> None:
        refund, number = self.pick(self.failed_refunds(), which)
        refunds.send_again(number=number, actor="staff:x", now=self.now)
        refund.state, refund.again, self.dirty = "sent", True, True

    # --- distributors ---------------------------------------------------------------------------

    @rule(store=st.sampled_from(["ahe", "lin"]), fen=st.sampled_from([0, 0, 0, 100, 300, 5_000]))
    @precondition(lambda self: any(self.shop.purse[store, "available"] for store in ("ahe", "lin")))
    def withdraw(self, store: str, fen: int) -> None:
        """Ask for some money, 0 for all there is; more than there is, or with a debt, is refused."""
        self.is_quiet = False
        purse = self.shop.purse
        fen = fen or purse[store, "available"]
        may = 100 <= fen <= purse[store, "available"] and not purse[store, "debt"]
        try:
            made = payouts.request(store=self.town.stores[store], amount_fen=fen, now=self.now)
        except (Conflict, Invalid):
            assert not may
            return
        assert may
        purse[store, "available"] -= fen
        purse[store, "paying"] += fen
        self.out.append(Thing(number=made.number, store=store, fen=fen, state="requested", over=False, sent=0))
        self.dirty = True

    @rule(which=st.integers(0, 9), word=st.sampled_from(["approve", "approve", "approve", "reject", "cancel"]))
    @precondition(lambda self: self.asked_for())
    def decide(self, which: int, word: str) -> None:
        one = self.pick(self.asked_for(), which)
        row = Withdrawal.objects.get(number=one.number)
        if word == "approve":
            payouts.approve(withdrawal=row, actor="staff:x", now=self.now)
            one.state = "approved"
        else:
            if word == "reject":
                payouts.reject(withdrawal=row, actor="staff:x", reason="不行", now=self.now)
            else:
                payouts.cancel(store=self.town.stores[one.store], number=one.number, now=self.now)
            self.transfer_over(one, "rejected" if word == "reject" else "cancelled")
        self.dirty = True

    def asked_for(self) -> list[Thing]:
        return [one for one in self.out if one.state == "requested"]

    # --- the gateway ----------------------------------------------------------------------------

    @rule(which=st.integers(0, 9), copies=st.sampled_from([1, 1, 2, 3]))
    @precondition(lambda self: self.rail.notices)
    def notice_comes(self, which: int, copies: int) -> None:
        self.deliver(which, copies)

    @rule(which=st.integers(0, 9))
    @precondition(lambda self: self.losable())
    def notice_is_lost(self, which: int) -> None:
        self.rail.notices.remove(self.pick(self.losable(), which))

    def losable(self) -> list[Any]:
        """Of two payments under one number a query tells the first only; the other lives by its notice."""
        twice = {paid for due in self.rail.payments.values() for paid in due.paid if len(due.paid) > 1}
        return [notice for notice in self.rail.notices if notice.transaction_id not in twice]

    @rule(refund=st.sampled_from(REFUND_MOODS), transfer=st.sampled_from(TRANSFER_MOODS))
    def mood_changes(self, refund: str, transfer: str) -> None:
        self.rail.refund_mood, self.rail.transfer_mood = refund, transfer
        self.is_quiet = False

    @rule(which=st.integers(0, 9), state=st.sampled_from(["succeeded", "succeeded", "abnormal"]))
    @precondition(lambda self: self.in_state(self.rail.refunds, "processing"))
    def refund_ends(self, which: int, state: str) -> None:
        self.rail.finish_refund(self.pick(self.in_state(self.rail.refunds, "processing"), which), state)

    @rule(which=st.integers(0, 9), state=st.sampled_from(["paid", "paid", "failed"]))
    @precondition(lambda self: self.in_state(self.rail.transfers, "waiting_user"))
    def transfer_ends(self, which: int, state: str) -> None:
        self.rail.finish_transfer(self.pick(self.in_state(self.rail.transfers, "waiting_user"), which), state)

    @staticmethod
    def in_state(held: dict[str, tuple[int, str]], state: str) -> list[str]:
        return [number for number, (_fen, its) in held.items() if its == state]
