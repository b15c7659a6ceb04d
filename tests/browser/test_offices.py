"""The back offices in a real browser: their scripts run under a policy without inline scripts."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse

from distributors.payouts import actions as payouts
from shop.accounts.models import User
from shop.panel.site import supplier_site
from tests import world
from tests.browser.conftest import DESK, Visitor
from tests.browser.looking import LOOK, faults
from tests.distributors import sellers
from tests.orders import trade
from tests.two_worlds import Town

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# One of each kind, unless all are asked for (``looking.py``).
IS_FULL = LOOK == "full"
ONE_OF_EACH = {
    "index", "lifecycle_order_changelist", "lifecycle_order_change", "catalogue_product_change", "coupons_coupon_add",
    "commissions_commissionrule_add", "payouts_withdrawal_change", "accounts_user_changelist", "auth_group_add",
    "ledger_account_change", "work_due_changelist", "work_clocktask_changelist",
    "catalogue_sku_changelist", "stock_stockitem_change", "freight_freighttemplate_add", "lifecycle_supplierorder_change",
    "aftersales_aftersale_change", "settlements_statement_changelist",
}  # fmt: skip


def office_pages(site: admin.AdminSite) -> Iterator[tuple[str, str]]:
    """Yield name and address of the first page, and of each model's list, form and first row."""
    yield "index", reverse(f"{site.name}:index")
    for model in site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        for page in ("changelist", "add"):
            yield f"{name}_{page}", reverse(f"{site.name}:{name}_{page}")
        if row := model._default_manager.first():
            yield f"{name}_change", reverse(f"{site.name}:{name}_change", args=[row.pk])


@pytest.mark.parametrize("role", ["supplier", "staff"])
def test_every_page_of_an_office_can_be_used(visitor: Callable[..., Visitor], sandbox: Any, role: str) -> None:
    town = Town()
    person = visitor(DESK)
    person.sign_in(town.own[role].user)
    looked_at, wrong = 0, []
    for name, url in office_pages(supplier_site if role == "supplier" else admin.site):
        if not IS_FULL and name not in ONE_OF_EACH:
            continue
        answer = person.page.goto(person.address + url)
        assert answer is not None
        if answer.status == 200:
            wrong += [f"{url}: {fault}" for fault in faults(person, f"{role}-{name}", other_size=IS_FULL)]
            looked_at += 1
        # What is only looked at has no form, and some rows of the first lie with other suppliers.
        person.complaints.clear()
    assert not wrong, "\n".join(wrong)
    assert looked_at >= 8


def signed_in(visitor: Callable[..., Visitor], phone: str, at: str) -> Visitor:
    """Sign in by password on the way to a back office."""
    person = visitor(DESK)
    page = person.open(at)
    page.get_by_label("手机号").fill(phone)
    page.get_by_label("密码").fill(world.PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(f"**{at}**")
    return person


def test_staff_reveal_a_recipient_and_nothing_is_blocked(visitor: Callable[..., Visitor], tmp_path: Any) -> None:
    order = trade.bought((world.product(world.yunling(), "云岭白茶"), 1))
    payouts.request(store=sellers.rich(), amount_fen=100, now=world.now())
    boss = world.person("员工")
    User.objects.filter(pk=boss.pk).update(is_staff=True, is_superuser=True)
    staff = signed_in(visitor, str(boss.phone), "/admin/")
    for path in ("/admin/lifecycle/order/", "/admin/payouts/withdrawal/", "/admin/auth/group/add/"):
        staff.open(path).wait_for_load_state("networkidle")
    page = staff.open(f"/admin/lifecycle/order/{order.pk}/change/")
    assert order.recipient_phone not in page.content()
    page.get_by_role("link", name="查看完整收件信息").click()
    page.locator("textarea").fill("顾客来电，核对地址")
    page.get_by_role("button", name="查看完整收件信息").click()
    page.get_by_text(order.recipient_phone).wait_for()
    page.screenshot(path=tmp_path / "revealed.png")
    # A missing source map or icon is no refusal; what the policy blocks is told as such.
    assert [one for one in staff.complaints if "Not Found" not in one] == []
