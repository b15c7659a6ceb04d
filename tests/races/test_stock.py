"""The last pieces: one SKU on two lines of every order, and a flash sale of 100 pieces to 500 people."""

from datetime import timedelta
from typing import Any

from django.db.models import Sum

from orders.flow.verification import verify_all
from orders.lifecycle.models import Order, OrderLine
from shop.accounts.models import AccessToken, Address, User
from shop.base.numbers import new_token, token_hash
from shop.stock.models import Reservation, StockItem
from tests import world
from tests.races import scene
from tests.races.arena import ROUNDS, Arena
from tests.races.outcomes import Report

PIECES, BUYERS = 100, 500


def last_pieces(arena: Arena, rounds: int) -> Report:
    """Four orders of twice one piece each, on two lines by two stores; five pieces are there."""
    report = arena.report("last pieces with one SKU on two lines")
    people = [world.customer(f"顾客 {number}") for number in range(4)]
    stores = [world.store("阿禾 Ahe").code, world.store("林 Lin").code]
    sku = world.sku_of(world.product(world.yunling(), "孤品老茶", pieces=5))
    items = [{"sku": sku.number, "quantity": 1, "store": code} for code in stores]
    asked = [
        {"token": scene.token(one), "path": "orders/", "body": {"address": world.address(one).number, "items": items}}
        for one in people
    ]
    for turn in range(rounds):
        outcomes = arena.race(*[("ask", one | {"key": f"last-pieces-{turn:06d}"}) for one in asked])
        item = StockItem.objects.get(sku=sku)
        held = Reservation.objects.filter(sku=sku, state="open").aggregate(pieces=Sum("quantity"))["pieces"] or 0
        sold = OrderLine.objects.filter(sku=sku).aggregate(pieces=Sum("quantity"))["pieces"] or 0
        wrong = []
        if sold > item.received:
            wrong.append(f"{sold} pieces sold of {item.received}")
        if (item.reserved, held) != (sold, sold):
            wrong.append(f"{sold} sold, {item.reserved} reserved, {held} held")
        if [one.told for one in outcomes if not one.is_done] != ["out_of_stock"] * 2:
            wrong.append(f"{[one.told for one in outcomes]}")
        report.note(outcomes, wrong=wrong, is_fruitful=any(one.is_done for one in outcomes))
        world.receive(sku, 4)
    return report


def flash_sale(arena: Arena) -> Report:
    """500 people, eight at a time, want one of 100 pieces."""
    report = arena.report("flash sale")
    sku = world.sku_of(world.product(world.yunling(), "秒杀老茶", pieces=PIECES))
    asked = _crowd(sku.number)
    answers = arena.race(*[("ask_many", {"asked": asked[start::8]}) for start in range(8)])
    outcomes = [one for answer in answers for one in answer.value]
    item = StockItem.objects.get(sku=sku)
    wrong = []
    if (item.on_hand, item.reserved, Order.objects.count()) != (0, PIECES, PIECES):
        wrong.append(f"{Order.objects.count()} orders, {item.reserved} reserved, {item.on_hand} left")
    report.note(outcomes, wrong=wrong, is_fruitful=True)
    return report


def _crowd(sku: str) -> list[dict[str, Any]]:
    """Make 500 customers with addresses and tokens; return what each asks."""
    like = world.address(world.customer())
    people = User.objects.bulk_create(User(phone=f"137{number:08d}", name=f"顾客 {number}") for number in range(BUYERS))
    homes = Address.objects.bulk_create(
        Address(
            user=one,
            name=one.name,
            phone=like.phone,
            region_code=like.region_code,
            region_names=like.region_names,
            detail=like.detail,
        )
        for one in people
    )
    tokens = [new_token(43) for _one in people]
    AccessToken.objects.bulk_create(
        AccessToken(
            user=one,
            kind=AccessToken.Kind.ACCESS,
            token_hash=token_hash(token),
            family=f"race{place}",
            expires_at=world.now() + timedelta(hours=1),
        )
        for place, (one, token) in enumerate(zip(people, tokens, strict=True))
    )
    return [
        {
            "token": token,
            "path": "orders/",
            "body": {"address": home.number, "items": [{"sku": sku, "quantity": 1}]},
            "key": "flash-sale-1",
        }
        for token, home in zip(tokens, homes, strict=True)
    ]


def test_the_last_pieces_on_two_lines(arena: Arena) -> None:
    last_pieces(arena, ROUNDS).holds()
    assert verify_all(now=world.now()) == []


def test_pieces_that_are_read_first_are_sold_twice(arena: Arena) -> None:
    with arena.planted("read_then_take"):
        last_pieces(arena, 10).turns_red()


def test_a_flash_sale_sells_what_there_is(arena: Arena) -> None:
    report = flash_sale(arena)
    report.holds()
    assert report.tally == {"done": PIECES, "out_of_stock": BUYERS - PIECES}
    assert verify_all(now=world.now()) == []
