"""The supplier panel shows each supplier its own rows, on every way there is to a row.

Two suppliers with a row of everything; what belongs to the other carries a canary, which no answer to
the one may hold. Every registered model is visited, so a new one is proven as soon as it is there.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.db.models import ForeignKey, Model, QuerySet
from django.test import Client
from django.urls import reverse

from orders.flow.aftersale import open_aftersale
from orders.reviews.actions import write_review
from orders.settlements import statements
from shop.accounts.models import User
from shop.panel.rows import OwnRows
from shop.panel.site import supplier_site
from shop.states.models import StateChange
from shop.suppliers import actions as suppliers
from shop.suppliers.models import Supplier
from tests import world
from tests.orders import trade
from tests.shop.coupons import coupon
from tests.standing import standing

CANARIES = {"yunling": "CanaryAzure", "yangshan": "CanaryBronze"}
PANELS: dict[str, OwnRows] = {
    model._meta.label_lower: panel  # type: ignore[misc]
    for model, panel in sorted(supplier_site._registry.items(), key=lambda one: one[0]._meta.label_lower)
}
# The platform's own, the same for everybody.
SHARED = {"catalogue.category"}


@dataclass(frozen=True)
class Two:
    """Two suppliers and who works for them."""

    mine: Supplier
    theirs: Supplier
    owner: User
    other: User
    customer: User

    @property
    def canary(self) -> str:
        return CANARIES[self.theirs.code]


def furnish(supplier: Supplier) -> User:
    """Give a supplier a row of everything, each with its canary; return its owner."""
    canary = CANARIES[supplier.code]
    owner = supplier.members.select_related("user").get().user
    suppliers.update_profile(supplier=supplier, contact_name=f"{canary} contact", return_address=f"{canary} road 1")
    suppliers.save_qualification(
        supplier=supplier, kind="licence", paper_number=f"{canary}-licence", valid_until_date=date(2031, 1, 1)
    )
    goods = world.product(supplier, f"{canary} tea", options=("S", "M"))
    for place, sku in enumerate(goods.skus.all()):
        type(sku).objects.filter(pk=sku.pk).update(code=f"{canary}-sku-{place}")
    type(world.freight(supplier)).objects.filter(supplier=supplier).update(name=f"{canary} express")
    coupon(supplier.code.upper(), name=f"{canary} coupon", supplier=supplier, platform_bp=0, supplier_bp=10_000)
    for place in range(3):
        buyer = world.customer(f"{canary} buyer {place}")
        order = world.place(buyer, [(goods, 1)], note=f"{canary} note")
        trade.pay(order)
        if place == 0:
            later = trade.complete(order)
            trade.settle(later)
            issued = statements.issue_now(supplier=supplier, actor=world.STAFF, now=later)
            statements.confirm_statement(statement=issued, actor=f"supplier:{supplier.code}", now=later)
            statements.pay_statement(statement=issued, actor=world.STAFF, now=later)
        if place == 1:
            trade.ship(order)
            trade.receive(order)
            open_aftersale(
                user=buyer,
                order_number=order.number,
                line=1,
                kind="refund_only",
                reason="damaged",
                quantity=1,
                text=f"{canary} broke",
                now=world.now(),
            )
            write_review(
                user=buyer,
                order_number=order.number,
                line=1,
                stars=2,
                service_stars=4,
                text=f"{canary} is weak",
                now=world.now(),
            )
    return owner


@pytest.fixture(scope="module")
def furnished(django_db_setup: None, django_db_blocker: Any) -> Iterator[Two]:
    """Both suppliers, made once for this module and taken back after it."""
    with standing(django_db_blocker):
        mine, theirs = world.yunling(), world.yangshan()
        owner, other = furnish(mine), furnish(theirs)
        # One order with goods of both: its parts are two suppliers' business.
        shared = world.customer("周 Zhou")
        both = [(supplier.products.get(), 1) for supplier in (mine, theirs)]
        trade.pay(world.place(shared, both))
        yield Two(mine, theirs, owner, other, shared)


@pytest.fixture
def two(furnished: Two, db: None) -> Two:
    return furnished


def rows_of(label: str, supplier: Supplier) -> QuerySet[Any]:
    """Return the rows that belong to a supplier, by the model's own way to it."""
    panel = PANELS[label]
    rows = panel.model._default_manager.order_by("pk")
    if label == "suppliers.supplier":
        return rows.filter(pk=supplier.pk)
    return rows.filter(**{panel.owner_path: supplier}) if panel.owner_path else rows


def address(label: str, page: str, *args: object) -> str:
    meta = PANELS[label].opts
    return reverse(f"supplier:{meta.app_label}_{meta.model_name}_{page}", args=args)


def everything() -> dict[str, str]:
    """Return a digest of every table that a visit must not change."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'links_%%' "
            "AND tablename NOT IN ('django_session', 'accounts_user', 'accounts_trycount')"
        )
        tables = [name for (name,) in cursor.fetchall()]
        digests = {}
        for table in tables:
            cursor.execute(
                f"SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM \"{table}\" t"
            )
            digests[table] = cursor.fetchone()[0]
    return digests


def facts(rows: QuerySet[Any]) -> list[dict[str, Any]]:
    return list(rows.values())


def ways(label: str, row: Model) -> list[tuple[str, str]]:
    """Return every address that leads to one row: method and path."""
    panel = PANELS[label]
    found = [("get", address(label, page, row.pk)) for page in ("change", "history", "delete")]
    found += [("post", address(label, page, row.pk)) for page in ("change", "delete")]
    for act in panel.acts:
        found += [(method, address(label, f"act_{act.name}", row.pk)) for method in ("get", "post")]
    return found


@pytest.mark.parametrize("label", PANELS)
def test_both_have_something_to_show(two: Two, label: str) -> None:
    for supplier in (two.mine, two.theirs):
        assert rows_of(label, supplier).exists(), f"furnish() makes no {label}"


@pytest.mark.parametrize("label", PANELS)
def test_lists_and_searches_show_own_rows_only(two: Two, client: Client, label: str) -> None:
    client.force_login(two.owner)
    queries = ["", f"?q={two.canary.removeprefix('Canary')}", "?q=tea", "?all=", "?o=-1", "?e=1"]
    theirs = rows_of(label, two.theirs).exclude(pk__in=rows_of(label, two.mine).values("pk")).first()
    if theirs is not None:
        queries += [f"?pk={theirs.pk}", f"?id__exact={theirs.pk}", f"?supplier__id__exact={two.theirs.pk}"]
    for query in queries:
        response = client.get(address(label, "changelist") + query, follow=True)
        assert response.status_code in (200, 400), query
        assert two.canary not in response.content.decode(), query
    shown = client.get(address(label, "changelist")).context["cl"].queryset
    assert set(shown.values_list("pk", flat=True)) <= set(rows_of(label, two.mine).values_list("pk", flat=True))


@pytest.mark.parametrize("label", PANELS)
def test_own_rows_open_and_name_nobody_else(two: Two, client: Client, label: str) -> None:
    client.force_login(two.owner)
    visible = client.get(address(label, "changelist")).context["cl"].queryset.order_by("pk")
    assert visible.exists() or label == "lifecycle.supplierorder"
    for row in visible[:4]:
        for page in ("change", "history"):
            response = client.get(address(label, page, row.pk))
            assert response.status_code == 200, page
            assert two.canary not in response.content.decode(), page


@pytest.mark.parametrize("label", [label for label in PANELS if label not in SHARED])
@pytest.mark.parametrize("who", ["other", "customer", "anonymous"])
def test_outsiders_reach_no_row_and_change_nothing(two: Two, client: Client, label: str, who: str) -> None:
    """``other`` is the other supplier's owner; the rows are mine, so my canary must not be told."""
    if who != "anonymous":
        client.force_login(getattr(two, who))
    before = everything()
    for row in rows_of(label, two.mine)[:3]:
        for method, path in ways(label, row):
            data = {
                "x": "1",
                "reason": "r",
                "text": "t",
                "carrier": "c",
                "tracking_number": "1",
                "_save": "1",
                "post": "yes",
            }
            response = client.get(path) if method == "get" else client.post(path, data)
            assert response.status_code in (302, 403, 404), f"{method} {path}"
            assert CANARIES[two.mine.code] not in response.content.decode(), f"{method} {path}"
    after = everything()
    assert {table for table in after if after[table] != before.get(table)} == set()


@pytest.mark.parametrize("label", PANELS)
def test_acts_on_own_rows_never_touch_another_s(two: Two, client: Client, label: str) -> None:
    client.force_login(two.owner)
    before = {name: facts(rows_of(name, two.theirs)) for name in PANELS if name not in SHARED}
    for row in client.get(address(label, "changelist")).context["cl"].queryset.order_by("pk")[:3]:
        for act in PANELS[label].acts:
            path = address(label, f"act_{act.name}", row.pk)
            asked = client.get(path)
            assert asked.status_code == 200, path
            done = client.post(path, {"x": "1"})
            # Done, or refused in words on the same page.
            assert done.status_code in ((200,) if path.endswith("/reveal/") else (302, 400)), path
            for response in (asked, done):
                assert two.canary not in response.content.decode(), path
    assert {name: facts(rows_of(name, two.theirs)) for name in before} == before


@pytest.mark.parametrize("label", PANELS)
def test_forms_offer_own_choices_only(two: Two, client: Client, label: str) -> None:
    client.force_login(two.owner)
    panel = PANELS[label]
    response = client.get(address(label, "add"))
    assert response.status_code == (200 if panel.may_add else 403)
    assert two.canary not in response.content.decode()
    for field in panel.model._meta.get_fields():
        if not isinstance(field, ForeignKey):
            continue
        meta = panel.opts
        asked = {"app_label": meta.app_label, "model_name": meta.model_name, "field_name": field.name}
        for term in ("", two.canary.removeprefix("Canary"), "tea"):
            found = client.get(reverse("supplier:autocomplete"), asked | {"term": term})
            assert found.status_code in (200, 403, 404)
            assert two.canary not in found.content.decode()
            if found.status_code == 200:
                json.loads(found.content)


@pytest.mark.parametrize("who", ["customer", "anonymous"])
def test_the_door_is_closed_to_others(two: Two, client: Client, who: str) -> None:
    if who == "customer":
        client.force_login(two.customer)
    paths = [reverse("supplier:index"), *(address(label, "changelist") for label in PANELS)]
    for path in [*paths, reverse("supplier:app_list", args=["catalogue"])]:
        response = client.get(path)
        assert response.status_code == 302, path
    assert client.get(reverse("supplier:autocomplete")).status_code == 302


def test_index_and_search_name_nobody_else(two: Two, client: Client) -> None:
    client.force_login(two.owner)
    for path in (
        reverse("supplier:index"),
        reverse("supplier:search") + f"?s={two.canary.removeprefix('Canary')}&extended=1",
    ):
        response = client.get(path)
        assert response.status_code == 200, path
        assert two.canary not in response.content.decode()


def test_a_supplier_that_left_is_out(two: Two, client: Client) -> None:
    client.force_login(two.owner)
    suppliers.suspend(supplier=two.mine, actor=world.STAFF, reason="papers", at=world.now())
    assert client.get(reverse("supplier:index")).status_code == 200
    suppliers.leave(supplier=two.mine, actor=world.STAFF, at=world.now())
    assert client.get(reverse("supplier:index")).status_code == 302


# --- acts work -------------------------------------------------------------------------------------------------------


def test_shipping_from_the_desk(two: Two, client: Client) -> None:
    client.force_login(two.owner)
    row = rows_of("lifecycle.supplierorder", two.mine).filter(state="to_ship").first()
    path = address("lifecycle.supplierorder", "act_ship", row.pk)
    assert client.post(path, {"carrier": "", "tracking_number": "SF1"}).status_code == 400
    done = client.post(path, {"carrier": "顺丰", "tracking_number": "SF100200300", "pieces": ""})
    assert done.status_code == 302
    row.refresh_from_db()
    assert row.state == "shipped"
    change = StateChange.objects.filter(subject=f"supplier_order:{row.number}").latest("pk")
    assert (change.target, change.actor) == ("shipped", "supplier:yunling")
    again = client.post(path, {"carrier": "顺丰", "tracking_number": "SF100200301", "pieces": "1x9"})
    assert again.status_code == 400


def test_answering_an_after_sale(two: Two, client: Client) -> None:
    client.force_login(two.owner)
    row = rows_of("aftersales.aftersale", two.mine).get()
    path = address("aftersales.aftersale", "act_reject", row.pk)
    assert client.post(path, {"text": ""}).status_code == 400
    assert client.post(path, {"text": "完好送达"}).status_code == 302
    row.refresh_from_db()
    assert row.state == "rejected"
    # What was decided is not decided again.
    refused = client.post(address("aftersales.aftersale", "act_agree", row.pk), {"text": "x"})
    assert refused.status_code == 400
    row.refresh_from_db()
    assert row.state == "rejected"


def test_a_new_product_is_the_supplier_s_own(two: Two, client: Client) -> None:
    client.force_login(two.owner)
    category = two.mine.products.get().category
    sent = {
        "category": category.pk,
        "title": "明前茶",
        "subtitle": "",
        "description_html": "",
        "supplier": two.theirs.pk,
    }
    assert client.post(address("catalogue.product", "add"), sent).status_code == 302
    made = two.mine.products.get(title="明前茶")
    assert (made.supplier, made.state) == (two.mine, "draft")


def test_prices_and_stock_from_the_panel(two: Two, client: Client) -> None:
    client.force_login(two.owner)
    price = rows_of("pricing.skuprice", two.mine).first()
    path = address("pricing.skuprice", "act_set", price.pk)
    wrong = client.post(path, {"supply_fen": "120", "retail_fen": "100"})
    assert wrong.status_code == 400
    assert client.post(path, {"supply_fen": "70.50", "retail_fen": "101.00"}).status_code == 302
    price.refresh_from_db()
    assert (price.supply_fen, price.retail_fen) == (7_050, 10_100)
    template = rows_of("freight.freighttemplate", two.mine).get()
    rule = {
        "is_deliverable": "on",
        "first_units": "1",
        "first_fen": "8",
        "continued_units": "1",
        "continued_fen": "3.50",
    }
    assert client.post(address("freight.freighttemplate", "act_rule", template.pk), rule).status_code == 302
    nationwide = template.rules.get(region_code="")
    assert (nationwide.first_fen, nationwide.continued_fen, nationwide.free_above_fen) == (800, 350, None)
    path = address("freight.freighttemplate", "act_rule", template.pk)
    assert client.post(path, {**rule, "region_code": "浙江省杭州市某某区"}).status_code == 400
    assert client.post(path, {**rule, "region_code": "浙江 杭州 西湖区"}).status_code == 302
    assert {each.region_code for each in template.rules.all()} == {"", "540000", "330106"}
    assert "其他地区" in client.get(address("freight.freighttemplate", "change", template.pk)).content.decode()
    item = rows_of("stock.stockitem", two.mine).first()
    before = item.on_hand
    client.post(address("stock.stockitem", "act_receive", item.pk), {"quantity": "5", "reference": "D-1"})
    item.refresh_from_db()
    assert item.on_hand == before + 5
