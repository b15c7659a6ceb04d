"""Staff decide about applications, withdrawals and rates: acts work, and refuse what cannot be in words."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from distributors.commissions.models import CommissionRule
from distributors.payouts.models import PayoutAccount
from distributors.stores import actions as stores
from distributors.stores.models import Distributor
from shop.ledger import chart
from shop.ledger.queries import balance_fen
from shop.states.models import StateChange
from tests import world
from tests.distributors.desk import earn
from tests.shop.offices import address, staff, withdrawal

pytestmark = pytest.mark.django_db

ENGLISH = {"HTTP_ACCEPT_LANGUAGE": "en"}

# --- distributors ------------------------------------------------------------------------------------------------------


@pytest.fixture
def applicant(db: None) -> Distributor:
    return stores.apply(user=world.person("新人"), store_name="新店", introduction="", now=world.now())


CHANGE = ("stores.view_distributor", "stores.change_distributor")


def test_an_application_to_its_end(client: Client, applicant: Distributor) -> None:
    judge = staff(may=CHANGE)
    client.force_login(judge)

    def act(name: str, **data: str) -> Any:
        return client.post(address("stores.distributor", f"act_{name}", applicant.pk), data | {"x": "1"}, **ENGLISH)

    def state() -> str:
        return Distributor.objects.get(pk=applicant.pk).state

    assert act("suspend", reason="too early").status_code == 400
    assert state() == "applied"
    assert act("approve").status_code == 302
    assert state() == "active"
    again = act("approve")
    assert again.status_code == 400
    assert "Only an applicant can be approved" in again.content.decode()
    assert act("suspend").status_code == 400  # no reason
    assert act("suspend", reason="假货投诉").status_code == 302
    change = StateChange.objects.latest("pk")
    assert (change.target, change.actor, change.reason) == ("suspended", f"staff:{judge.number}", "假货投诉")
    assert act("reinstate").status_code == 302
    assert act("ban", reason="屡次造假").status_code == 302
    assert act("reinstate").status_code == 400
    assert state() == "banned"


def test_declining_says_why(client: Client, applicant: Distributor) -> None:
    client.force_login(staff(may=CHANGE))
    path = address("stores.distributor", "act_reject", applicant.pk)
    assert client.post(path, {"reason": ""}).status_code == 400
    assert client.post(path, {"reason": "资料不全"}).status_code == 302
    applicant.refresh_from_db()
    assert applicant.state == "rejected"


def test_nobody_judges_herself(client: Client) -> None:
    judge = staff(may=CHANGE)
    own = stores.apply(user=judge, store_name="自己的店", introduction="", now=world.now())
    client.force_login(judge)
    response = client.post(address("stores.distributor", "act_approve", own.pk), {"x": "1"})
    assert response.status_code == 400
    own.refresh_from_db()
    assert own.state == "applied"


def test_looking_is_not_acting(client: Client, applicant: Distributor) -> None:
    client.force_login(staff(may=("stores.view_distributor",)))
    page = client.get(address("stores.distributor", "change", applicant.pk))
    assert page.status_code == 200
    assert "/act/" not in page.content.decode()
    assert client.get(address("stores.distributor", "act_approve", applicant.pk)).status_code == 403
    assert client.post(address("stores.distributor", "act_approve", applicant.pk), {"x": "1"}).status_code == 403
    applicant.refresh_from_db()
    assert applicant.state == "applied"


# --- withdrawals -------------------------------------------------------------------------------------------------------

PAY = ("payouts.view_withdrawal", "payouts.change_withdrawal")


def test_withdrawals_are_approved_once_and_declined_with_a_reason(client: Client) -> None:
    ahe = world.ahe()
    earn(ahe, 5_000)
    first, second = withdrawal(ahe), withdrawal(ahe, 2_000)
    judge = staff(may=PAY)
    client.force_login(judge)
    assert client.post(address("payouts.withdrawal", "act_approve", first.pk), {"x": "1"}).status_code == 302
    first.refresh_from_db()
    assert (first.state, first.reviewed_by) == ("approved", f"staff:{judge.number}")
    assert client.post(address("payouts.withdrawal", "act_approve", first.pk), {"x": "1"}).status_code == 400
    decline = address("payouts.withdrawal", "act_reject", second.pk)
    assert client.post(decline, {"reason": ""}).status_code == 400
    assert client.post(decline, {"reason": "请核对姓名"}).status_code == 302
    # Only the declined amount came back, and only once.
    assert client.post(decline, {"reason": "再来"}).status_code == 400
    assert balance_fen(chart.store_available(ahe.code)) == 4_000
    assert balance_fen(chart.store_paying(ahe.code)) == 1_000


def test_a_banned_distributor_s_money_needs_a_reason(client: Client) -> None:
    ahe = world.ahe()
    earn(ahe, 5_000)
    row = withdrawal(ahe)
    stores.ban(distributor=ahe.distributor, actor=world.STAFF, reason="造假", now=world.now())
    client.force_login(staff(may=PAY))
    path = address("payouts.withdrawal", "act_approve", row.pk)
    assert client.post(path, {"x": "1", "reason": ""}).status_code == 400
    row.refresh_from_db()
    assert row.state == "requested"
    assert client.post(path, {"reason": "核实过，确是真实成交"}).status_code == 302


def test_payees_are_masked(client: Client) -> None:
    ahe = world.ahe()
    earn(ahe, 5_000)
    row = withdrawal(ahe)
    client.force_login(staff("主管", everything=True))
    account = PayoutAccount.objects.get()
    for path in (
        address("payouts.withdrawal", "changelist"),
        address("payouts.withdrawal", "change", row.pk),
        address("payouts.payoutaccount", "changelist"),
        address("payouts.payoutaccount", "change", account.pk),
    ):
        page = client.get(path).content.decode()
        assert "何**" in page, path
        assert "何阿禾" not in page, path
        assert account.openid not in page, path


# --- commission rules --------------------------------------------------------------------------------------------------


def test_rules_are_agreed_changed_and_ended(client: Client) -> None:
    tea = world.product(world.yunling(), "云岭白茶", supply_fen=6_000, retail_fen=9_800)
    client.force_login(staff("主管", everything=True))
    add = address("commissions.commissionrule", "add")
    facts = {"scope": "product", "scope_key": tea.number, "level1_bp": "1000", "level2_bp": "300", "funding": "margin"}
    greedy = client.post(add, facts | {"level1_bp": "4500"}, **ENGLISH)
    assert greedy.status_code == 400
    assert "cannot pay these rates" in greedy.content.decode()
    assert client.post(add, facts | {"scope_key": "p00000000000"}).status_code == 400
    assert not CommissionRule.objects.exists()
    assert client.post(add, facts).status_code == 302
    rule = CommissionRule.objects.get()
    assert (rule.level1_bp, rule.level2_bp, rule.version) == (1_000, 300, 1)
    change = address("commissions.commissionrule", "act_supersede", rule.pk)
    assert client.post(change, {"level1_bp": "1200", "level2_bp": "300", "funding": "margin"}).status_code == 302
    newer = CommissionRule.objects.get(supersedes=rule)
    assert (newer.level1_bp, newer.version) == (1_200, 2)
    # The old version has ended and cannot be changed again.
    again = client.post(change, {"level1_bp": "900", "level2_bp": "0", "funding": "margin"})
    assert again.status_code == 400
    end = address("commissions.commissionrule", "act_end", newer.pk)
    yesterday = (world.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    assert client.post(end, {"effective_until": yesterday}).status_code == 400
    assert client.post(end, {"x": "1"}).status_code == 302
    newer.refresh_from_db()
    assert newer.effective_until is not None


def test_rules_need_their_permission(client: Client) -> None:
    client.force_login(staff(may=("commissions.view_commissionrule",)))
    add = address("commissions.commissionrule", "add")
    assert client.get(add).status_code == 403
    facts = {"scope": "global", "scope_key": "", "level1_bp": "100", "level2_bp": "0", "funding": "margin"}
    assert client.post(add, facts).status_code == 403
    assert not CommissionRule.objects.exists()
