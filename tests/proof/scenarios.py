"""Short stories on the trade machine's stage; without a plant each of them comes to what the model says."""

from contextlib import suppress

from orders.flow import notices
from orders.payments.actions import NoticeMismatch
from shop.work import idempotency
from tests.properties.model import DAY
from tests.properties.trade_machine import TradeMachine

# Every machine begins with a finished sale of four pieces (order 0) and one that is on its way (order 1).
SALE, ON_ITS_WAY, LATEST = 0, 1, 2


def sale(town: TradeMachine) -> None:
    town.buy(who="周 Zhou", wishes=[("cup", 2), ("peach", 1)])


def waiting(town: TradeMachine) -> None:
    town.order(who="苏 Su", wishes=[("cup", 1)])


def shipped(town: TradeMachine) -> None:
    sale(town)
    town.ship(which=0)


def slow_delivery(town: TradeMachine) -> None:
    """Five days on the road; then four in the house, which is not seven."""
    shipped(town)
    town.sweep(5 * DAY)
    town.receive(which=1)
    town.compare()
    town.sweep(4 * DAY)


def part_back(town: TradeMachine) -> None:
    town.give_back(which=SALE, permille=400, freight=0)


def refunded(town: TradeMachine) -> None:
    part_back(town)
    town.sweep(660)
    town.compare()
    town.sweep(660)


def cancelled(town: TradeMachine) -> None:
    waiting(town)
    town.cancel(which=LATEST, is_bold=True)


def cancelled_paid(town: TradeMachine) -> None:
    sale(town)
    town.cancel(which=LATEST, is_bold=True)


def open_case(town: TradeMachine) -> None:
    """A case, refused on the day before the window ends: the line waits until nobody may ask the platform any more."""
    shipped(town)
    town.receive(which=1)
    town.sweep(6 * DAY)
    (place,) = (n for n, found in enumerate(town.askable()) if found[1].state == "received" and found[3] == 1)
    town.ask_back(which=place, pieces=1, fault=True)
    town.answer(which=0, word="reject")
    town.sweep(2 * DAY)


def underpaid(town: TradeMachine) -> None:
    """The gateway truly says that less came; nothing is believed."""
    waiting(town)
    town.start_paying(which=LATEST, kind="native")
    number = town.orders[LATEST].payments[0]
    town.rail.payments[number].fen -= 100
    town.rail.pay(number)
    notice = town.rail.notices.pop()
    with suppress(NoticeMismatch):
        notices.apply_notice(gateway_name="sandbox", notice=notice, now=town.now)
    # What the gateway took in error stands in its book alone.
    del town.rail.payments[number]


def late_payment(town: TradeMachine) -> None:
    waiting(town)
    town.start_paying(which=LATEST, kind="native")
    town.cancel(which=LATEST, is_bold=True)
    town.rail.pay(town.orders[LATEST].payments[0])
    town.deliver(0, 1)


def with_coupon(town: TradeMachine) -> None:
    """Our own, over two suppliers' goods: a fen is left over when it is cut."""
    town.buy(who="苏 Su", wishes=[("tea", 1), ("peach", 1), ("cup", 1)], coupon="SPRING")


def farms_coupon(town: TradeMachine) -> None:
    """The farm bears the larger part of its own."""
    town.buy(who="周 Zhou", wishes=[("tea", 1), ("peach", 1)], coupon="FARM")


def by_word(town: TradeMachine) -> None:
    """阿禾's word: the sale is hers, and she bears a part of what it takes off."""
    town.buy(who="苏 Su", wishes=[("peach", 2)], coupon="WORD")


def coupon_part_back(town: TradeMachine) -> None:
    with_coupon(town)
    town.give_back(which=len(town.refundable()) - 3, permille=500, freight=0)


def coupon_given_up(town: TradeMachine) -> None:
    town.order(who="苏 Su", wishes=[("tea", 2)], coupon="SPRING")
    town.cancel(which=LATEST, is_bold=True)


def coupon_twice(town: TradeMachine) -> None:
    """One piece, two orders: the second is refused."""
    town.buy(who="周 Zhou", wishes=[("cup", 1)], coupon="FARM")
    town.compare()
    town.order(who="周 Zhou", wishes=[("cup", 1)], coupon="FARM")


def withdrawal(town: TradeMachine) -> None:
    town.withdraw(store="ahe", fen=300)


def paid_out(town: TradeMachine) -> None:
    withdrawal(town)
    town.decide(which=0, word="approve")
    town.sweep(660)
    town.rail.finish_transfer(town.out[0].number, "paid")
    town.deliver(0, 1)


def lost_transfer(town: TradeMachine) -> None:
    """The gateway pays and nobody hears its answer; asking again pays nothing more."""
    withdrawal(town)
    town.decide(which=0, word="approve")
    town.mood_changes(refund="succeeded", transfer="lost after")
    town.sweep(660)
    town.mood_changes(refund="succeeded", transfer="waiting_user")
    for number in list(town.rail.transfers):
        town.rail.finish_transfer(number, "paid")
    town.sweep(660)
    for number, (_fen, state) in list(town.rail.transfers.items()):
        if state == "waiting_user":
            town.rail.finish_transfer(number, "paid")


def recruiter_buys(town: TradeMachine) -> None:
    """林 buys through the link of 阿禾, whom she recruited: no second level."""
    town.buy(who="林 Lin", wishes=[("cup", 2)])


def asked_twice(town: TradeMachine) -> None:
    """The same request comes twice under one key."""

    def act() -> tuple[int, str]:
        town.order(who="苏 Su", wishes=[("cup", 1)])
        return 201, town.orders[-1].row.number

    answers = {idempotency.once(caller="user:U", key="k", asked="one cup", act=act)[:2] for _again in range(2)}
    assert answers == {(201, town.orders[LATEST].row.number)}
