"""The demo's accounts, addresses, stores and links."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import Group, Permission

from distributors.commissions.models import CommissionRule
from distributors.commissions.rulebook import create_rule
from distributors.links.actions import create_link
from distributors.links.models import ShareLink
from distributors.payouts.actions import save_payout_account
from distributors.referrals.actions import bind
from distributors.stores import actions as stores
from distributors.stores.listings import list_product
from distributors.stores.models import Store
from distributors.stores.queries import store_of
from orders.demo.cast import (
    ADMIN,
    APPLICANT,
    CUSTOMERS,
    FINANCE,
    PASSWORD,
    REASONS,
    STORES,
    STREETS,
    SUPPLIER_OWNERS,
    Role,
    StoreRole,
)
from orders.demo.goods import STAFF, person
from shop.accounts.actions import sign_in_with_wechat
from shop.accounts.addresses import save_address
from shop.accounts.models import User
from shop.accounts.queries import addresses_of
from shop.catalogue.models import Product
from shop.gateways.sandbox.client import SandboxControl
from shop.regions import queries as regions

# What finance may do: look at everything, and act on payouts and statements.
FINANCE_ACTS = ("change_withdrawal", "change_supplierpayout", "change_statement", "change_refund")


def make_staff() -> None:
    """An administrator who may do everything, and finance who may pay."""
    admin = person(ADMIN)
    User.objects.filter(pk=admin.pk).update(is_staff=True, is_superuser=True)
    finance = person(FINANCE)
    User.objects.filter(pk=finance.pk).update(is_staff=True)
    group, _created = Group.objects.get_or_create(name="财务 Finance")
    group.permissions.set(
        Permission.objects.filter(codename__startswith="view_") | Permission.objects.filter(codename__in=FINANCE_ACTS)
    )
    finance.groups.add(group)


def make_customers(sandbox: SandboxControl) -> None:
    """Thirty customers with an address and a WeChat identity each."""
    for number, role in enumerate(CUSTOMERS):
        user = person(role)
        _know_in_wechat(sandbox, role)
        if not addresses_of(user).exists():
            code, street = STREETS[number % len(STREETS)]
            save_address(
                user=user,
                number=None,
                name=role.name,
                phone=role.phone,
                region_code=code,
                region_names=regions.names(code),
                detail=street,
                is_default=True,
            )


def make_rules(now: datetime) -> None:
    """Ten and three per cent on everything, a little more on tea, less on seafood."""
    since = now - timedelta(days=120)
    for scope, key, level1_bp, level2_bp in (
        (CommissionRule.Scope.GLOBAL, "", 1_000, 300),
        (CommissionRule.Scope.CATEGORY, "tea", 1_500, 400),
        (CommissionRule.Scope.CATEGORY, "seafood", 800, 200),
    ):
        if not CommissionRule.objects.filter(scope=scope, scope_key=key).exists():
            create_rule(
                scope=scope,
                scope_key=key,
                level1_bp=level1_bp,
                level2_bp=level2_bp,
                effective_from=since,
                actor=STAFF,
                now=since,
            )


def make_stores(sandbox: SandboxControl, products: list[Product], now: datetime) -> list[Store]:
    """Four stores over two levels, with picks and links; and one application that waits for staff."""
    opened = now - timedelta(days=100)
    made = [_store(role, sandbox, opened) for role in STORES]
    for number, store in enumerate(made):
        picks = products[number::3][:14]
        for place, product in enumerate(picks):
            if not store.listings.filter(product=product).exists():
                reason = REASONS[(number + place) % len(REASONS)]
                list_product(store=store, product=product, reason=reason, now=opened)
        if not ShareLink.objects.filter(store=store).exists():
            create_link(store=store, target="store", label="朋友圈", channel="moments", now=opened)
            create_link(store=store, target="store", label="邻居群", channel="group", now=opened)
            for product in picks[:3]:
                create_link(store=store, target="product", product=product, channel="poster", now=opened)
    applicant = person(APPLICANT)
    if not hasattr(applicant, "distributor"):
        stores.apply(user=applicant, store_name="阿青的阳台", introduction="楼顶种菜，想分给邻居。", now=now)
    return made


def _store(role: StoreRole, sandbox: SandboxControl, now: datetime) -> Store:
    user = person(role.owner)
    _know_in_wechat(sandbox, role.owner)
    found = store_of(user)
    if found is not None:
        return found
    referrer = Store.objects.filter(distributor__user__phone=role.invited_by).first()
    applied = stores.apply(
        user=user,
        store_name=role.store_name,
        introduction=role.introduction,
        referrer_code=referrer.code if referrer else "",
        now=now,
    )
    stores.approve(distributor=applied, actor=STAFF, now=now)
    if referrer is not None:
        bind(distributor=applied, referrer=referrer.distributor, now=now, reason="invited")
    store = Store.objects.get(distributor=applied)
    Store.objects.filter(pk=store.pk).update(announcement=role.announcement)
    save_payout_account(store=store, real_name=role.owner.name, now=now)
    return Store.objects.select_related("distributor__user").get(pk=store.pk)


def _know_in_wechat(sandbox: SandboxControl, role: Role) -> None:
    sign_in_with_wechat(
        app_id=settings.LINJIA_WECHAT_APP_ID,
        openid=sandbox.openid_of(role.phone),
        phone=role.phone,
    )


def logins() -> list[str]:
    """Return a line per kind of person: phone and password."""
    from_cast = (ADMIN, FINANCE, SUPPLIER_OWNERS["yunling-tea"], STORES[1].owner, CUSTOMERS[0])
    return [f"{role.phone}  {PASSWORD}  {role.name}" for role in from_cast]
