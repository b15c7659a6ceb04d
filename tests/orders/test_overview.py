"""The first page of the back offices: what waits, counted, with a way to exactly those rows."""

import pytest
from django.test import Client
from django.urls import reverse

from distributors.links.bonds import bind_customer
from distributors.stores.actions import list_product
from orders.settlements import statements
from shop.work.actions import remember
from shop.work.models import Due
from tests import world
from tests.orders import trade
from tests.shop.offices import staff, withdrawal

pytestmark = pytest.mark.django_db


def counts(client: Client, site: str) -> dict[str, int]:
    page = client.get(reverse(f"{site}:index"))
    assert page.status_code == 200
    return {str(one.label): one.count for one in page.context["waiting"] if one.count}


def test_a_supplier_sees_what_to_send_and_nobody_else_s(client: Client) -> None:
    tea, peaches = world.product(world.yunling(), "云岭白茶"), world.product(world.yangshan(), "阳山水蜜桃")
    trade.bought((tea, 2), (peaches, 1))
    trade.ship(trade.bought((tea, 1)))
    client.force_login(world.yunling().members.get().user)
    assert counts(client, "supplier") == {"待发货订单": 1}
    page = client.get(reverse("supplier:index"))
    assert [(part.supplier.code, [line.title for line in lines]) for _url, part, lines in page.context["to_ship"]] == [
        ("yunling", ["云岭白茶"])
    ]
    text = page.content.decode()
    assert "云岭白茶 × 2" in text
    assert "水蜜桃" not in text
    for one in page.context["waiting"]:
        rows = client.get(one.url)
        assert (rows.status_code, rows.context["cl"].result_count) == (200, one.count), one.label


def test_a_parcel_is_offered_while_something_is_left(client: Client) -> None:
    tea = world.product(world.yunling(), "云岭白茶")
    order = trade.bought((tea, 2))
    part = order.supplier_orders.get()
    client.force_login(world.yunling().members.get().user)
    desk = reverse("supplier:lifecycle_supplierorder_change", args=[part.pk])
    ship = reverse("supplier:lifecycle_supplierorder_act_ship", args=[part.pk])
    assert ship in client.get(desk).content.decode()
    assert "1. 云岭白茶 × 2" in client.get(ship).content.decode()
    client.post(ship, {"carrier": "顺丰", "tracking_number": "SF1", "pieces": "1x1"})
    assert "1. 云岭白茶 × 1" in client.get(ship).content.decode()
    client.post(ship, {"carrier": "顺丰", "tracking_number": "SF2"})
    assert ship not in client.get(desk).content.decode()


def test_staff_see_what_waits_as_far_as_they_may_look(client: Client) -> None:
    world.rule(1_000, 300)
    ahe = world.ahe()
    tea = world.product(world.yunling(), "云岭白茶")
    list_product(store=ahe, product=tea, now=world.now())
    bind_customer(store=ahe, user=world.customer(), reason="test", now=world.now())
    trade.settle(trade.complete(trade.bought((tea, 1))))
    withdrawal(ahe, 100)
    remember(what="test.nothing", subject="1", due_at=world.now())
    Due.objects.filter(what="test.nothing").update(state="parked")
    client.force_login(staff("主管", everything=True))
    assert counts(client, "admin") == {"待审提现": 1, "搁置的任务": 1}
    for one in client.get(reverse("admin:index")).context["waiting"]:
        rows = client.get(one.url)
        assert (rows.status_code, rows.context["cl"].result_count) == (200, one.count), one.label
    client.force_login(staff("会计", may=("payouts.view_withdrawal",)))
    seen = client.get(reverse("admin:index")).context["waiting"]
    assert [str(one.label) for one in seen] == ["待审提现", "待复核的大额提现", "核实中的提现"]
    client.force_login(staff("新人"))
    assert "没有需要你处理的事项" in client.get(reverse("admin:index")).content.decode()


def test_a_statement_is_paid_once(client: Client) -> None:
    tea = world.product(world.yunling(), "云岭白茶")
    later = trade.complete(trade.bought((tea, 1)))
    trade.settle(later)
    issued = statements.issue_now(supplier=world.yunling(), actor=world.STAFF, now=later)
    statements.confirm_statement(statement=issued, actor="supplier:yunling", now=later)
    client.force_login(staff("主管", everything=True))
    desk = reverse("admin:settlements_statement_change", args=[issued.pk])
    pay = reverse("admin:settlements_statement_act_pay", args=[issued.pk])
    assert pay in client.get(desk).content.decode()
    assert client.post(pay, {"x": "1"}).status_code == 302
    assert pay not in client.get(desk).content.decode()
    assert counts(client, "admin")["待登记的银行转账"] == 1
