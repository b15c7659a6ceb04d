"""The staff's roles, as docs/access.toml says: every page and every act of the back office, as each of them."""

from fnmatch import fnmatch
from typing import Any

import pytest
from django.conf import settings as current
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.test import Client

from distributors.payouts import actions as payouts
from distributors.payouts.models import Withdrawal
from distributors.payouts.states import WithdrawalState
from shop.accounts.models import User
from shop.accounts.roles import roles_in
from shop.base.errors import NotAllowed
from shop.privacy.models import Unmasking
from shop.states.models import StateChange
from tests import world
from tests.distributors import sellers
from tests.orders import trade
from tests.shop.offices import PAGES, address

pytestmark = pytest.mark.django_db

ROLES = roles_in(current.LINJIA_ACCESS_FILE)


def member(role: str, name: str = "") -> User:
    """Return a member of staff with a role and nothing else."""
    call_command("grant_staff_roles", verbosity=0)
    user = world.person(name or f"{role} 员工")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return User.objects.get(pk=user.pk)


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def may(role: str, permission: str) -> bool:
    return any(fnmatch(permission, pattern) for pattern in ROLES[role])


@pytest.fixture
def shop() -> Any:
    """Somebody's order, paid and sent, sold by a store that asked for its money."""
    order = trade.bought((world.product(world.yunling(), "云岭白茶"), 1))
    trade.ship(order)
    payouts.request(store=sellers.rich(), amount_fen=100, now=world.now())
    return order


@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_what_it_may_and_acts_where_it_may(shop: Any, role: str) -> None:
    browser, wrong, tried = browser_of(member(role)), [], 0
    for label, page in PAGES.items():
        app, model = label.split(".")
        is_seen = may(role, f"{app}.view_{model}") or may(role, f"{app}.change_{model}")
        listed = browser.get(address(label, "changelist")).status_code
        if listed != (200 if is_seen else 403):
            wrong.append(f"{label}: {listed}")
        row = page.model._default_manager.order_by("pk").first()
        for act in getattr(page, "acts", ()) if row is not None else ():
            tried += 1
            status = browser.get(address(label, f"act_{act.name}", row.pk)).status_code
            is_allowed = is_seen and (not act.permission or may(role, act.permission))
            if status != (200 if is_allowed else 403):
                wrong.append(f"{label} {act.name}: {status}")
    assert wrong == []
    assert tried > 8


# By hand, from the matrix of who may do what: what must hold whatever the patterns say.
NEVER = {
    "support": ["payouts.change_withdrawal", "ledger.view_account", "commissions.view_commission", "payments.add_refund",
                "payouts.view_withdrawal", "privacy.view_unmasking", "auth.change_group", "settlements.change_statement"],
    "finance": ["aftersales.change_aftersale", "lifecycle.change_order", "catalogue.change_product", "payments.add_refund",
                "accounts.change_user", "auth.change_group", "privacy.view_unmasking", "stores.change_distributor"],
    "admin": ["payouts.change_withdrawal", "settlements.change_supplierpayout", "ledger.add_transfer",
              "privacy.change_unmasking", "privacy.delete_unmasking", "states.change_statechange"],
}  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_must_never_do(role: str) -> None:
    user = member(role)
    assert [permission for permission in NEVER[role] if user.has_perm(permission)] == []
    books = [one for one in user.get_all_permissions() if one.startswith("ledger.") and ".view_" not in one]
    assert books == []


def test_leaving_a_role_counts_at_the_next_request(shop: Any) -> None:
    user = member("finance")
    browser = browser_of(user)
    url = address("payouts.withdrawal", "changelist")
    assert browser.get(url).status_code == 200
    user.groups.clear()
    assert browser.get(url).status_code == 403


def test_a_file_that_names_no_permission_is_refused(settings: Any, tmp_path: Any) -> None:
    file = tmp_path / "access.toml"
    file.write_text('[roles.support]\nmay = ["orders.see_all"]\n', encoding="utf-8")
    settings.LINJIA_ACCESS_FILE = file
    with pytest.raises(CommandError, match=r"orders\.see_all"):
        call_command("grant_staff_roles", verbosity=0)


# --- looking in full -----------------------------------------------------------------------------


def test_staff_see_a_recipient_in_full_only_with_a_reason_and_on_record(shop: Any) -> None:
    user = member("support")
    browser = browser_of(user)
    plain = browser.get(address("lifecycle.order", "change", shop.pk)).content.decode()
    assert shop.recipient_phone not in plain and shop.address_detail not in plain
    url = address("lifecycle.order", "act_reveal", shop.pk)
    asked = browser.get(url).content.decode()
    assert shop.recipient_phone not in asked
    for reason in ("", "x", "    "):
        assert browser.post(url, {"reason": reason}).status_code == 400
    assert Unmasking.objects.count() == 0

    shown = browser.post(url, {"reason": "顾客来电，核对地址"})
    assert shown.status_code == 200
    assert "no-store" in shown["Cache-Control"]
    assert shop.recipient_phone in shown.content.decode() and shop.address_detail in shown.content.decode()
    look = Unmasking.objects.get()
    assert (look.actor, look.subject, look.reason) == (
        f"staff:{user.number}", f"order:{shop.number}", "顾客来电，核对地址"
    )  # fmt: skip


def test_a_supplier_sees_the_address_of_what_it_ships_and_that_is_on_record(shop: Any) -> None:
    part = trade.parts(shop)[0]
    owner = world.yunling().members.get().user
    browser = browser_of(owner)
    base = f"/supplier/lifecycle/supplierorder/{part.pk}"
    for url in ("/supplier/lifecycle/supplierorder/", f"{base}/change/"):
        page = browser.get(url).content.decode()
        assert shop.recipient_phone not in page and shop.address_detail not in page
    shown = browser.post(f"{base}/act/reveal/", {"sure": "yes"}).content.decode()
    assert shop.recipient_phone in shown and shop.address_detail in shown
    look = Unmasking.objects.get()
    assert (look.actor, look.subject, look.reason) == (f"user:{owner.number}", f"order:{shop.number}", "to ship")


def test_nobody_edits_the_record_of_looks() -> None:
    Unmasking.objects.create(actor="staff:U1", subject="user:U2", fields="Phone", reason="asked", at=world.now())
    for edit in (Unmasking.objects.all().delete, lambda: Unmasking.objects.update(reason="other")):
        with pytest.raises(DatabaseError), transaction.atomic():
            edit()


# --- two people for large amounts ------------------------------------------------------------------


@pytest.fixture
def large(settings: Any) -> Withdrawal:
    settings.LINJIA_TWO_PERSON_FEN = 5_000
    return payouts.request(store=sellers.rich(fen=20_000), amount_fen=5_001, now=world.now())


def agree(withdrawal: Withdrawal, actor: str) -> Withdrawal:
    payouts.approve(withdrawal=withdrawal, actor=actor, now=world.now())
    withdrawal.refresh_from_db()
    return withdrawal


def test_a_large_withdrawal_needs_two_different_people(large: Withdrawal) -> None:
    assert agree(large, "staff:U1").state == WithdrawalState.AGREED_ONCE
    with pytest.raises(NotAllowed):
        agree(large, "staff:U1")
    with pytest.raises(NotAllowed):
        agree(large, f"staff:{large.store.distributor.user.number}")
    assert agree(large, "staff:U2").state == WithdrawalState.APPROVED
    assert (large.agreed_by, large.reviewed_by) == ("staff:U1", "staff:U2")
    steps = StateChange.objects.filter(subject=f"withdrawal:{large.number}").order_by("pk")
    assert [(step.target, step.actor) for step in steps] == [("agreed_once", "staff:U1"), ("approved", "staff:U2")]


def test_up_to_the_limit_one_person_is_enough(settings: Any) -> None:
    settings.LINJIA_TWO_PERSON_FEN = 5_000
    small = payouts.request(store=sellers.rich(fen=20_000), amount_fen=5_000, now=world.now())
    assert agree(small, "staff:U1").state == WithdrawalState.APPROVED


def test_a_limit_that_was_lowered_counts_for_what_waits(settings: Any) -> None:
    waiting = payouts.request(store=sellers.rich(fen=20_000), amount_fen=5_000, now=world.now())
    settings.LINJIA_TWO_PERSON_FEN = 1_000
    assert agree(waiting, "staff:U1").state == WithdrawalState.AGREED_ONCE


def test_what_one_person_agreed_to_can_be_declined_or_taken_back(large: Withdrawal) -> None:
    agree(large, "staff:U1")
    payouts.cancel(store=large.store, number=large.number, now=world.now())
    large.refresh_from_db()
    assert large.state == WithdrawalState.CANCELLED
    assert sellers.money(large.store)["available"] == 20_000


def test_the_database_refuses_one_persons_word_for_a_large_amount(large: Withdrawal) -> None:
    for facts in ({}, {"reviewed_by": "staff:U1"}, {"reviewed_by": "staff:U1", "agreed_by": "staff:U1"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Withdrawal.objects.filter(pk=large.pk).update(state="approved", **facts)


def test_finance_approves_in_the_back_office_two_people_one_after_the_other(large: Withdrawal) -> None:
    url = address("payouts.withdrawal", "act_approve", large.pk)
    first, second = browser_of(member("finance", "甲")), browser_of(member("finance", "乙"))
    assert "另一人复核" in first.get(url).content.decode()
    assert first.post(url, {"reason": ""}).status_code == 302
    again = first.post(url, {"reason": ""})
    assert again.status_code == 400 and "需要另一人复核" in again.content.decode()
    assert second.post(url, {"reason": ""}).status_code == 302
    large.refresh_from_db()
    assert large.state == WithdrawalState.APPROVED
