"""The stage of the trade machine: a town, a played clock, the worker, and the comparison of shop and model.

The database's clock is played too: the schema ``played`` stands before PostgreSQL's own functions, so due work is claimed
by the machine's time. Everything happens in one transaction, which is rolled back at the end.
"""

import json
import pickle
from datetime import datetime, timedelta
from types import SimpleNamespace as Thing
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string
from hypothesis.stateful import RuleBasedStateMachine, invariant

from distributors.codes.actions import make_code
from distributors.commissions import actions as commissions
from distributors.payouts import actions as payouts
from orders.flow import notices
from orders.flow.verification import verify_all
from orders.payments import refunds
from orders.settlements import actions as settlements
from shop.coupons.actions import expire_pieces
from shop.work import actions as work
from tests import world
from tests.properties import model
from tests.shop.coupons import coupon

GOODS = {
    "tea": ("yunling", 6_000, 9_800, 9),
    "cup": ("yunling", 601, 777, 7),
    "peach": ("yangshan", 0, 3_333, 8),
}
# Whose goods it is for; fen off at most, and of what share of those goods; goods from; budget; borne by us, supplier, store.
COUPONS = {
    "SPRING": ("", 2_000, 10_000, 10_000, 3_000, [10_000, 0, 0]),
    "FARM": ("yunling", 1_900, 1_111, 1, 3_000, [4_000, 6_000, 0]),
    "WORD": ("", 701, 10_000, 1_000, 100_000, [8_000, 0, 2_000]),
}
BUYERS = ("苏 Su", "周 Zhou", "陌 Mo", "阿禾 Ahe", "林 Lin")
DAY = model.DAY
# What the machine sees of the shop, in one statement.
SEEN = """
SELECT
  (SELECT jsonb_object_agg(path, balance_fen) FROM ledger_balance WHERE balance_fen <> 0),
  (SELECT jsonb_object_agg(p.title, jsonb_build_array(i.on_hand, i.reserved, i.sold, i.returned))
   FROM stock_stockitem i JOIN catalogue_sku k ON k.id = i.sku_id JOIN catalogue_product p ON p.id = k.product_id),
  (SELECT jsonb_object_agg(number, state) FROM (
    SELECT number, state FROM lifecycle_order UNION ALL SELECT number, state FROM lifecycle_supplierorder
    UNION ALL SELECT number, state FROM payouts_withdrawal UNION ALL SELECT number, state FROM coupons_couponclaim) s),
  (SELECT jsonb_object_agg(number, f) FROM (
    SELECT o.number, jsonb_agg(jsonb_build_array(r.amount_fen, r.state, r.number) ORDER BY r.id) AS f
    FROM payments_refund r JOIN lifecycle_order o ON o.id = r.order_id GROUP BY o.number) s),
  (SELECT jsonb_object_agg(number, f) FROM (
    SELECT o.number, jsonb_agg(jsonb_build_array(l.refunded_fen, l.refunded_quantity) ORDER BY l.line) AS f
    FROM lifecycle_orderline l JOIN lifecycle_order o ON o.id = l.order_id GROUP BY o.number) s),
  (SELECT jsonb_object_agg(code, jsonb_build_array(claimed, spent_fen)) FROM coupons_coupon)
"""


def build_town() -> Thing:
    """Make the people and goods that every example begins with; return what the machine needs of them."""
    world.rule(model.LEVEL1, model.LEVEL2)
    stores = {"ahe": world.ahe(), "lin": world.lin()}
    suppliers = {"yunling": world.yunling(), "yangshan": world.yangshan()}
    skus = {
        name: world.sku_of(
            world.product(suppliers[supplier], name, supply_fen=supply or retail // 2, retail_fen=retail, pieces=pieces)
        )
        for name, (supplier, supply, retail, pieces) in GOODS.items()
    }
    buyers = {name: world.customer(name) for name in BUYERS}
    for name, code in (("周 Zhou", "ahe"), ("陌 Mo", "lin"), ("林 Lin", "ahe")):
        world.led_by(stores[code], buyers[name])
    addresses = {name: world.address(user).number for name, user in buyers.items()}
    for store in stores.values():
        payee(store)
    town = Thing(stores=stores, suppliers=suppliers, skus=skus, buyers=buyers, addresses=addresses, at=world.now())
    town.coupons = {code: open_coupon(town, code) for code in COUPONS}
    town.word = make_code(store=stores["ahe"], coupon=town.coupons["WORD"], code="AHE20", now=town.at)
    return town


def open_coupon(town: Thing, code: str) -> Any:
    """Return the coupon that the model knows by this code, open for as long as the town stands."""
    supplier, most_fen, rate_bp, min_fen, budget_fen, bearers = COUPONS[code]
    whole = rate_bp == 10_000
    terms = {"amount_fen": most_fen if whole else 0} | (
        {} if whole else {"percent_bp": rate_bp, "ceiling_fen": most_fen}
    )
    terms |= dict(zip(("platform_bp", "supplier_bp", "store_bp"), bearers, strict=True))
    return coupon(
        code,
        kind="amount" if whole else "percent",
        supplier=town.suppliers.get(supplier),
        min_fen=min_fen,
        budget_fen=budget_fen,
        pieces_max=model.PIECES,
        use_days=model.USE_DAYS,
        claim_until=town.at + timedelta(days=400),
        by_code_only=code == "WORD",
        for_distributors=code == "WORD",
        **terms,
    )


def payee(store: Any) -> None:
    user = store.distributor.user
    import_string("shop.accounts.models.WechatIdentity").objects.create(
        app_id=settings.LINJIA_WECHAT_APP_ID, user=user, openid=f"openid-{user.number}"
    )
    payouts.save_payout_account(store=store, real_name="何禾", now=world.now())


PLAYED_CLOCK = """
CREATE SCHEMA IF NOT EXISTS played;
CREATE OR REPLACE FUNCTION played.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT current_setting('played.now')::timestamptz $$;
"""


class Stage(RuleBasedStateMachine):
    """One example: a town, its gateway, its model, and what both must agree on. Rules stand in ``TradeMachine``."""

    town: Thing
    before: bytes  # what happened in the town before every example; unpickling is many times faster than copying

    def __init__(self) -> None:
        super().__init__()
        self.rail, self.shop, self.clock, self.orders, self.out, self.told = pickle.loads(self.before)
        self.dirty = self.is_quiet = False
        self.undo = transaction.atomic()
        # As Django's own tests do: what must be committed first is then judged as if it stood alone.
        self.undo._from_testcase = True
        self.undo.__enter__()
        with connection.cursor() as cursor:
            # Tables are so small here that planning joins in every order costs more than any of the orders.
            cursor.execute("SET LOCAL search_path = played, public, pg_catalog; SET LOCAL jit = off")
            cursor.execute("SET LOCAL join_collapse_limit = 1")
        self.pass_time(0)

    def begin(self) -> None:
        """What happens before every example; the machine with its rules knows."""

    def history(self) -> bytes:
        """Play the beginning, keep it for good, and return what the machine knows then."""
        self.begin()
        self.undo.__exit__(None, None, None)
        return pickle.dumps((self.rail, self.shop, self.clock, self.orders, self.out, self.told))

    def teardown(self) -> None:
        try:
            self.compare()
            self.prove()
        finally:
            self.leave()

    def leave(self) -> None:
        """As if nothing had happened."""
        transaction.set_rollback(True)
        self.undo.__exit__(None, None, None)

    def prove(self) -> None:
        """Everybody falls silent; then every invariant holds, and the two books are one."""
        self.rail.refund_mood, self.rail.transfer_mood = "succeeded", "waiting_user"
        while self.rail.notices:
            self.deliver(0, 1)
        for number, (_fen, state) in list(self.rail.refunds.items()):
            if state == "processing":
                self.rail.finish_refund(number, "succeeded")
        self.sweep(DAY)
        self.compare()
        for refund, number in self.failed_refunds():
            refunds.send_again(number=number, actor="staff:x", now=self.now)
            refund.state, refund.again = "sent", True
        for _again in range(3):
            if any(model.pending(order.model) for order in self.orders):
                self.sweep(660)
        self.compare()
        assert verify_all(now=self.now) == []
        assert self.moved_here() == self.moved_there()

    def moved_there(self) -> dict[str, int]:
        """What the gateway's own book says has moved: by its transaction, by our refund and transfer numbers."""
        rail = self.rail
        moved = {one: due.fen for due in rail.payments.values() for one in due.paid}
        for book, done in ((rail.refunds, "succeeded"), (rail.transfers, "paid")):
            moved |= {number: fen for number, (fen, state) in book.items() if state == done}
        return moved

    @staticmethod
    def moved_here() -> dict[str, int]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT transaction_id, amount_fen FROM payments_payment WHERE state = 'succeeded' UNION ALL "
                "SELECT number, amount_fen FROM payments_refund WHERE state = 'succeeded' UNION ALL "
                "SELECT number, amount_fen - tax_fen FROM payouts_withdrawal WHERE state = 'paid'"
            )
            return dict(cursor.fetchall())

    def failed_refunds(self) -> list[Any]:
        return [
            (refund, number)
            for order in self.orders
            for refund, number in zip(order.model.refunds, order.refunds, strict=False)
            if refund.state == "failed"
        ]

    # --- the clock ------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.town.at + timedelta(seconds=self.clock)

    def pass_time(self, seconds: int) -> None:
        self.clock += seconds
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('played.now', %s, true)", [self.now.isoformat()])

    def sweep(self, seconds: int) -> None:
        """Time passes and the worker does what is due, until nothing is."""
        self.pass_time(seconds)
        self.foresee()
        while due := self.due_now():
            for what, handler in settings.DUE_WORK.items():
                if what in due:
                    for row in work.claim(what=what, limit=500):
                        import_string(handler)(subject=row.subject, now=self.now)
                        work.done(row)
                    due = self.due_now()
        commissions.settle_due(limit=500, now=self.now)
        settlements.settle_due(limit=500, now=self.now)
        expire_pieces(limit=500, now=self.now)
        self.dirty = True

    def due_now(self) -> set[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT what FROM work_due WHERE state = 'open' AND due_at <= %s", [self.now])
            return {what for (what,) in cursor.fetchall()}

    def foresee(self) -> None:
        """What a sweep must come to: first what the gateway knows, then what time decides."""
        for order in self.orders:
            for number in order.payments:
                paid = self.rail.payments[number].paid
                if paid and not self.told & set(paid):
                    self.hear(order, paid[0])
            # Money that was heard of just now has its refund here already, there not yet.
            for refund, number in zip(order.model.refunds, order.refunds, strict=False):
                state = self.rail.refunds.get(number, (0, ""))[1]
                # Asked once more, the gateway tells at once what it has done already.
                if refund.state == "sent" and (state == "succeeded" or (state == "abnormal" and not refund.again)):
                    self.shop.end(order.model, refund, state == "succeeded")
                refund.again = False
        self.shop.sweep(self.clock)
        for order in self.orders:
            for refund in order.model.refunds:
                refund.state = "sent" if refund.state == "requested" else refund.state
        for one in self.out:
            self.foresee_transfer(one)

    def foresee_transfer(self, one: Thing) -> None:
        if one.state in ("approved", "unknown"):
            truth = self.rail.transfers.get(one.number, (0, "failed" if self.rail.transfer_mood == "failed" else ""))[1]
            known = one.state == "unknown" and truth and one.number in self.rail.transfers
            # Sent anew, it may be confirmed for another day.
            one.sent = one.sent if known else self.clock
            if not known and self.rail.transfer_mood in ("lost before", "lost after"):
                one.state = "unknown"
                return
            one.state = truth or "waiting_user"
        elif one.state == "waiting_user":
            one.state = self.rail.transfers[one.number][1]
        if one.state == "waiting_user" and self.clock >= one.sent + DAY:
            one.state = "failed"
        if one.state in ("paid", "failed", "cancelled") and not one.over:
            self.transfer_over(one, "paid" if one.state == "paid" else "failed")

    def transfer_over(self, one: Thing, state: str) -> None:
        one.state, one.over = state, True
        purse = self.shop.purse
        purse[one.store, "paying"] -= one.fen
        if state == "paid":
            purse["gateway", ""] -= one.fen
        else:
            purse[one.store, "available"] += one.fen

    # --- the gateway's word ---------------------------------------------------------------------

    def deliver(self, which: int, copies: int) -> None:
        """A notice comes, perhaps several times; only the first tells anything."""
        notice = self.pick(self.rail.notices, which)
        self.rail.notices.remove(notice)
        for _copy in range(copies):
            notices.apply_notice(gateway_name="sandbox", notice=notice, now=self.now)
        self.dirty = True
        if notice.kind == "transfer":
            (one,) = (one for one in self.out if one.number == notice.number)
            if not one.over:
                self.transfer_over(one, "paid" if notice.state == "paid" else "failed")
        elif notice.kind == "payment":
            (order,) = (order for order in self.orders if notice.number in order.payments)
            if notice.transaction_id not in self.told:
                self.hear(order, notice.transaction_id)
        else:
            for order in self.orders:
                for refund, number in zip(order.model.refunds, order.refunds, strict=False):
                    if number == notice.number and refund.state != "succeeded":
                        self.shop.end(order.model, refund, notice.state == "succeeded")
                        refund.again = False

    def hear(self, order: Thing, transaction_id: str) -> None:
        self.told.add(transaction_id)
        self.shop.pay(order.model)

    # --- comparing ------------------------------------------------------------------------------

    @invariant()
    def compare(self) -> None:
        """Every balance, shelf, state and refund is what the model says."""
        if self.dirty:
            pairs = zip(self.seen(), self.expected(), strict=True)
            off = {
                what: (seen.get(what), expected.get(what))
                for seen, expected in pairs
                for what in seen.keys() | expected.keys()
                if seen.get(what) != expected.get(what)
            }
            assert off == {}, "shop and model come to different ends"
            self.dirty = False

    def expected(self) -> Any:
        shop, sides = self.shop, {"ahe": "store", "lin": "store", "yunling": "supplier", "yangshan": "supplier"}
        books = {f"{sides[owner]}/{self.code(owner)}/{name}": fen for (owner, name), fen in shop.purse.items() if name}
        books["gateway/sandbox"] = shop.purse["gateway", ""]
        for order in self.orders:
            books[f"order/{order.row.number}/clearing"] = sum(one.fen for one in model.pending(order.model))
        sold = [line for order in shop.orders if order.state not in ("placed", "cancelled") for line in order.lines]
        given = sum(share.fen for line in sold for share in line.shares)
        books["coupon/platform"] = sum(model.worth(line.gift, 0, line) for line in sold if line.gift)
        books["platform/fee"] = sum(line.left for line in sold) + books["coupon/platform"] - given
        shelves = {sku: shop.shelf(sku) for sku in GOODS}
        states = {order.row.number: order.model.state for order in self.orders}
        for order in self.orders:
            unpaid = {"placed": "waiting", "cancelled": "closed"}.get(order.model.state)
            for part, row in zip(order.model.parts, order.parts, strict=True):
                states[row.number] = unpaid or part.state
        states |= {one.number: one.state for one in (*self.out, *shop.pieces.values())}
        coupons = {code: shop.used(code) for code in COUPONS}
        asked = {
            order.row.number: [[refund.fen, refund.state] for refund in order.model.refunds]
            for order in self.orders
            if order.model.refunds
        }
        lines = {
            order.row.number: [
                [line.paid - line.left, line.pieces - line.left_pieces]
                for part in order.model.parts
                for line in part.lines
            ]
            for order in self.orders
        }
        return {path: fen for path, fen in books.items() if fen}, shelves, states, asked, lines, coupons

    def seen(self) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(SEEN)
            found = [json.loads(part) if part else {} for part in cursor.fetchone()]
        books, shelves, states, asked, lines, coupons = found
        for order in self.orders:
            # The numbers are the shop's to choose; everything else is the model's to know.
            order.refunds = [refund.pop() for refund in asked.get(order.row.number, [])]
        return books, shelves, states, asked, lines, coupons

    def code(self, owner: str) -> str:
        return self.town.stores[owner].code if owner in self.town.stores else owner

    def pick(self, things: list[Any], which: int) -> Any:
        self.is_quiet = False
        return things[which % len(things)]
