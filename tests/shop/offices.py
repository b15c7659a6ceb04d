"""The staff's office for tests: members of staff, its addresses, a store with money to withdraw."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Permission
from django.urls import reverse

from distributors.payouts import actions as payouts
from distributors.payouts.models import Withdrawal
from distributors.stores.models import Store
from shop.accounts.models import User, WechatIdentity
from tests import world

PAGES: dict[str, Any] = {
    model._meta.label_lower: page
    for model, page in sorted(admin.site._registry.items(), key=lambda one: one[0]._meta.label_lower)
}


def address(label: str, page: str, *args: object) -> str:
    meta = PAGES[label].opts
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=args)


def staff(name: str = "员工", *, may: tuple[str, ...] = (), everything: bool = False) -> User:
    """Return a member of staff with these permissions."""
    user = world.person(name)
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=everything)
    for code in may:
        app, codename = code.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return User.objects.get(pk=user.pk)


def withdrawal(store: Store, fen: int = 1_000) -> Withdrawal:
    """Return a withdrawal that waits for a decision."""
    user = store.distributor.user
    WechatIdentity.objects.get_or_create(user=user, app_id="wx0000linjiasandbox", openid=f"openid-{user.pk}-secret")
    payouts.save_payout_account(store=store, real_name="何阿禾", now=world.now())
    return payouts.request(store=store, amount_fen=fen, now=world.now())
