"""Bonds, what a visitor becomes at sign-in, and the facts a checkout decides by."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from distributors.links import actions as links
from distributors.links import buffer
from distributors.links.attribution import credit
from distributors.links.models import Bond, Touch, Visitor
from distributors.links.queries import (
    credit_facts,
    customers_of,
    visits_by_day,
    visits_of_links,
)
from distributors.stores import actions as stores
from shop.accounts.models import WechatIdentity
from shop.base.errors import Invalid
from tests.distributors.sellers import moment, open_store, opened, share, tea
from tests.distributors.test_referrals import bind
from tests.world import STAFF, person

pytestmark = pytest.mark.django_db
KEY, OTHER_KEY = "v" * 32, "w" * 32
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _fresh_buffer():
    """A test that stopped Redis leaves no pause behind."""
    buffer._Rest.until = 0.0


def winner(user, *products, key: str = KEY, at=None):
    """Return (store code, reason) of the first product's line, as checkout asks."""
    given = credit_facts(user=user, visitor_key=key, product_ids=[one.pk for one in products], now=at or moment())
    found = credit(facts=given)[products[0].pk]
    return (given.stores[found.store_id].code if found.store_id else None, found.reason)


# --- bonds ------------------------------------------------------------------------------------------


def test_the_first_opening_bonds_and_another_stores_link_does_not_move_it():
    ahe, lin, su = open_store("阿禾 Ahe"), open_store("林 Lin"), person("苏 Su")
    start = moment() - 20 * DAY
    opened(share(ahe), KEY, user=su, at=start)
    opened(share(lin), KEY, user=su, at=start + 14 * DAY)
    bond = Bond.objects.get()
    assert (bond.store, bond.user, bond.reason) == (ahe, su, "first_touch")
    assert (bond.protected_until, bond.valid_until) == (start + 15 * DAY, start + 365 * DAY)

    opened(share(lin), KEY, user=su, at=start + 15 * DAY)
    assert list(Bond.objects.order_by("pk").values_list("store__name", "reason", "ended_at")) == [
        ("阿禾 Ahe 的小店", "first_touch", start + 15 * DAY),
        ("林 Lin 的小店", "moved", None),
    ]


def test_opening_often_does_not_prolong_a_protection():
    ahe, su = open_store("阿禾 Ahe"), person("苏 Su")
    start = moment() - 20 * DAY
    for days in (0, 5, 14):
        opened(share(ahe), KEY, user=su, at=start + days * DAY)
    assert Bond.objects.get().protected_until == start + 15 * DAY
    opened(share(ahe), KEY, user=su, at=start + 16 * DAY)
    assert list(Bond.objects.order_by("pk").values_list("reason", flat=True)) == [
        "first_touch",
        "renewed",
    ]


def test_the_windows_are_settings(settings):
    settings.LINJIA_BOND_PROTECTED_DAYS, settings.LINJIA_BOND_VALID_DAYS = 2, 3
    start = moment()
    opened(share(open_store("阿禾 Ahe")), KEY, at=start)
    bond = Bond.objects.get()
    assert (bond.protected_until - start, bond.valid_until - start) == (2 * DAY, 3 * DAY)


def test_a_late_flush_of_an_older_opening_moves_nothing():
    ahe, lin = open_store("阿禾 Ahe"), open_store("林 Lin")
    opened(share(ahe), KEY, at=moment())
    opened(share(lin), KEY, at=moment() - DAY)
    assert [bond.store for bond in Bond.objects.all()] == [ahe]


def test_closed_stores_and_owners_bond_nobody():
    ahe, lin = open_store("阿禾 Ahe"), open_store("林 Lin")
    link = share(lin)
    stores.suspend(distributor=lin.distributor, actor=STAFF, reason="查", now=moment())
    opened(link, KEY)
    opened(share(ahe), OTHER_KEY, user=ahe.distributor.user)
    assert (Bond.objects.count(), Touch.objects.count()) == (0, 2)


def test_a_bond_is_ended_never_edited():
    opened(share(open_store("阿禾 Ahe")), KEY)
    lin = open_store("林 Lin")
    with pytest.raises(DatabaseError), transaction.atomic():
        Bond.objects.update(store=lin)
    with pytest.raises(DatabaseError), transaction.atomic():
        Bond.objects.update(protected_until=moment() + 300 * DAY)


def test_a_store_binds_a_customer_by_hand_unless_she_is_protected_elsewhere():
    ahe, lin, su = open_store("阿禾 Ahe"), open_store("林 Lin"), person("苏 Su")
    first = links.bind_customer(store=ahe, user=su, reason="scan", now=moment())
    assert links.bind_customer(store=lin, user=su, reason="scan", now=moment()) == first
    after = moment() + 16 * DAY
    assert links.bind_customer(store=lin, user=su, reason="scan", now=after).store == lin
    assert [bond.user for bond in customers_of(lin, after)] == [su]
    with pytest.raises(Invalid):
        links.bind_customer(store=ahe, user=ahe.distributor.user, reason="scan", now=moment())


# --- at sign-in ---------------------------------------------------------------------------------------


def test_an_anonymous_opening_survives_the_sign_in():
    ahe, su, white = open_store("阿禾 Ahe"), person("苏 Su"), tea()
    opened(share(ahe), KEY)
    assert winner(su, white, key=OTHER_KEY) == (None, "none")

    assert links.merge_visitor(visitor_key=KEY, user=su, now=moment()) is True

    # On her other device too: the bond and the touches are hers now.
    assert winner(su, white, key=OTHER_KEY) == (ahe.code, "protected_bond")
    bond = Bond.objects.get()
    assert (bond.user, bond.ended_at) == (su, None)
    assert links.merge_visitor(visitor_key=KEY, user=su, now=moment()) is True


def test_an_opening_that_waits_is_seen_before_it_is_stored():
    ahe, su, white = open_store("阿禾 Ahe"), person("苏 Su"), tea()
    links.record_touch(link=share(ahe), visitor_key=KEY, now=moment())
    assert Touch.objects.count() == 0
    assert winner(su, white) == (ahe.code, "last_touch")


def test_an_opening_flushed_after_the_sign_in_bonds_the_person():
    ahe, su = open_store("阿禾 Ahe"), person("苏 Su")
    links.record_touch(link=share(ahe), visitor_key=KEY, now=moment())
    links.merge_visitor(visitor_key=KEY, user=su, now=moment())
    links.flush_touches(limit=10)
    assert Bond.objects.get().user == su


def test_her_own_protected_bond_wins_over_the_visitors():
    ahe, lin, su = open_store("阿禾 Ahe"), open_store("林 Lin"), person("苏 Su")
    opened(share(ahe), OTHER_KEY, user=su, at=moment() - 3 * DAY)
    opened(share(lin), KEY, at=moment() - DAY)
    links.merge_visitor(visitor_key=KEY, user=su, now=moment())
    assert [bond.store for bond in Bond.objects.filter(ended_at=None)] == [ahe]
    assert winner(su, tea()) == (ahe.code, "protected_bond")


def test_a_newer_visitors_bond_takes_over_from_an_unprotected_one():
    ahe, lin, su = open_store("阿禾 Ahe"), open_store("林 Lin"), person("苏 Su")
    opened(share(ahe), OTHER_KEY, user=su, at=moment() - 20 * DAY)
    opened(share(lin), KEY, at=moment() - DAY)
    links.merge_visitor(visitor_key=KEY, user=su, now=moment())
    assert [(bond.store, bond.user) for bond in Bond.objects.filter(ended_at=None)] == [(lin, su)]


def test_a_visitor_who_turns_out_to_own_the_store_is_no_customer_of_it():
    ahe = open_store("阿禾 Ahe")
    opened(share(ahe), KEY)
    links.merge_visitor(visitor_key=KEY, user=ahe.distributor.user, now=moment())
    assert Bond.objects.filter(ended_at=None).count() == 0


def test_a_visitor_belongs_to_one_person():
    ahe, su, zhou = open_store("阿禾 Ahe"), person("苏 Su"), person("周 Zhou")
    opened(share(ahe), KEY)
    links.merge_visitor(visitor_key=KEY, user=su, now=moment())
    assert links.merge_visitor(visitor_key=KEY, user=zhou, now=moment()) is False
    assert Visitor.objects.get().user == su
    assert winner(zhou, tea()) == (None, "none")


# --- facts for checkout -------------------------------------------------------------------------------


def test_the_facts_cost_one_statement_whatever_she_opened():
    ahe, lin, su, white = open_store("阿禾 Ahe"), open_store("林 Lin"), person("苏 Su"), tea()
    for place, store in enumerate([ahe, lin] * 4):
        opened(share(store), KEY, user=su, at=moment() - place * DAY)
    with CaptureQueriesContext(connection) as queries:
        given = credit_facts(user=su, visitor_key=KEY, product_ids=[white.pk], now=moment())
    assert (len(queries), len(given.touches)) == (1, 8)


def test_a_referrer_who_is_the_buyer_or_her_other_account_gets_no_second_level():
    lin, ahe, white = open_store("林 Lin"), open_store("阿禾 Ahe"), tea()
    bind(ahe, lin)
    su, lin_user = person("苏 Su"), lin.distributor.user
    for buyer in (su, lin_user):
        opened(share(ahe), f"{buyer.pk:032d}", user=buyer)

    def second(buyer):
        given = credit_facts(user=buyer, visitor_key="", product_ids=[white.pk], now=moment())
        found = credit(facts=given)[white.pk]
        assert found.store_id is not None
        return given.stores[found.store_id].code, found.referrer_store_id

    assert second(su) == (ahe.code, lin.pk)
    assert second(lin_user) == (ahe.code, None)
    WechatIdentity.objects.create(user=lin_user, app_id="one", openid="o1", unionid="same-person")
    WechatIdentity.objects.create(user=su, app_id="two", openid="o2", unionid="same-person")
    assert second(su) == (ahe.code, None)


def test_the_owners_second_account_earns_nothing_from_her():
    ahe, su, white = open_store("阿禾 Ahe"), person("苏 Su"), tea()
    opened(share(ahe), KEY, user=su)
    assert winner(su, white) == (ahe.code, "protected_bond")
    WechatIdentity.objects.create(user=ahe.distributor.user, app_id="one", openid="o1", unionid="same-person")
    WechatIdentity.objects.create(user=su, app_id="two", openid="o2", unionid="same-person")
    assert winner(su, white) == (None, "none")


def test_visits_are_counted_for_their_owner_only():
    ahe, lin = open_store("阿禾 Ahe"), open_store("林 Lin")
    link, since = share(ahe), moment() - DAY
    opened(link, KEY)
    opened(link, OTHER_KEY)
    opened(share(lin), KEY)
    (day,) = visits_by_day(ahe, since=since, until=moment() + DAY)
    assert (day.touches, day.visitors) == (2, 2)
    assert visits_of_links(ahe, [link.token], since=since) == {link.token: 2}
    assert visits_of_links(lin, [link.token], since=since) == {}
