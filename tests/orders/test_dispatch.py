"""How fast a supplier says it sends, from its desk to the order that keeps the word; and what travels free."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from orders.lifecycle.models import SupplierOrder
from orders.lifecycle.queries import late_parts, record_of_supplier
from shop.base.errors import Invalid
from shop.catalogue.listing import Wish, products_on_sale
from shop.freight import actions as freight
from shop.freight.models import FreightTemplate
from shop.suppliers.actions import promise_dispatch
from tests import world
from tests.orders import trade
from tests.orders.gateway_books import plant

pytestmark = pytest.mark.django_db
DESK = "/supplier/lifecycle/supplierorder/"


def test_each_order_keeps_what_was_said_when_it_was_paid(client: Client) -> None:
    farm, tea = world.yunling(), world.product(world.yunling(), "云岭白茶")
    desk = Client()
    desk.force_login(farm.members.get().user)
    assert "付款后 48 小时内发货" in client.get(f"/p/{tea.number}/").content.decode()
    act = f"/supplier/suppliers/supplier/{farm.pk}/act/dispatch/"
    assert desk.post(act, {"hours": "7"}).status_code == 400
    assert desk.post(act, {"hours": "24"}).status_code == 302
    with pytest.raises(Invalid):
        promise_dispatch(supplier=farm, hours=721)
    order = trade.bought((tea, 1))
    (part,) = trade.parts(order)
    assert order.paid_at is not None
    assert part.dispatch_by_at == order.paid_at + timedelta(hours=24)
    farm.refresh_from_db()
    promise_dispatch(supplier=farm, hours=120)
    client.force_login(order.user)
    assert "付款后 5 天内发货" in client.get(f"/checkout/?sku={world.sku_of(tea).number}&quantity=1").content.decode()
    part.refresh_from_db()
    assert part.dispatch_by_at == order.paid_at + timedelta(hours=24)
    with pytest.raises(DatabaseError), transaction.atomic():
        SupplierOrder.objects.filter(pk=part.pk).update(dispatch_by_at=world.now())

    # Late is what is still here after that moment; the desk lists it, the order says so with the way out.
    rows = SupplierOrder.objects.all()
    assert not late_parts(rows, now=part.dispatch_by_at - timedelta(seconds=1))
    assert list(late_parts(rows, now=part.dispatch_by_at)) == [part]
    page = f"/orders/{order.number}/"
    assert "最晚" in client.get(page).content.decode()
    assert part.number not in desk.get(f"{DESK}?late=1").content.decode()
    late = trade.bought((tea, 1), name="周 Zhou")
    promise_in_the_past(late.number)
    (mine,) = trade.parts(late)
    assert mine.number in desk.get(f"{DESK}?late=1").content.decode()
    assert "超时未发货" in desk.get("/supplier/").content.decode()
    client.force_login(late.user)
    assert "本应在" in client.get(f"/orders/{late.number}/").content.decode()


def test_free_delivery_is_what_costs_nothing_anywhere() -> None:
    """One piece, to every place the price list names; from a sum on, when the goods cost that much."""
    farm = world.yunling()
    dear, free, paid = (
        world.product(farm, title, retail_fen=fen) for title, fen in (("甲", 20_000), ("乙", 500), ("丙", 500))
    )
    nowhere = world.product(farm, "丁", retail_fen=500)
    own = {
        name: freight.create_template(supplier=farm, name=name, basis="piece")
        for name in ("满百", "全免", "江浙", "无")
    }
    freight.set_rule(template=own["满百"], first_fen=800, free_above_fen=10_000)
    freight.set_rule(template=own["全免"], first_fen=0, continued_fen=200)
    freight.set_rule(template=own["全免"], region_code="540000", is_deliverable=False)
    freight.set_rule(template=own["江浙"], first_fen=0)
    freight.set_rule(template=own["江浙"], region_code="330000", first_fen=100)
    for template, product in zip(own.values(), (dear, free, paid, nowhere), strict=True):
        freight.use_template(template=template, products=[product])
    found = products_on_sale(Wish(is_delivered_free=True, supplier_id=farm.pk), limit=20)
    assert {one.title for one in found} == {"甲", "乙"}
    page = Client().get("/search/?q=乙&free=1").content.decode()
    assert 'name="free" value="1" checked' in page and "乙" in page
    answer = Client().get("/api/v1/products/?free_delivery=true").json()["results"]
    assert [row["title"] for row in answer] == ["乙", "甲"]
    # By weight a heavy piece pays for what it weighs more.
    FreightTemplate.objects.filter(name="全免").update(basis="weight")
    assert [one.title for one in products_on_sale(Wish(is_delivered_free=True), limit=20)] == ["甲"]


def test_a_record_counts_what_was_promised() -> None:
    farm, tea = world.yunling(), world.product(world.yunling(), "云岭白茶", pieces=100)
    orders = [trade.bought((tea, 1), name=f"客 {number}") for number in range(10)]
    for order in orders[:6]:
        trade.ship(order)
    record = record_of_supplier(farm, now=world.now() + timedelta(hours=49))
    assert record is not None
    assert (record.count, record.on_time_percent) == (10, 60)


def promise_in_the_past(number: str) -> None:
    """A hand that sets the guards aside: two days have passed."""
    plant(
        "UPDATE lifecycle_supplierorder SET dispatch_by_at = dispatch_by_at - interval '6 days'"
        " WHERE order_id = (SELECT id FROM lifecycle_order WHERE number = %s)",
        number,
    )
