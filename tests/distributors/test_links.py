"""Sharing links, openings in Redis and PostgreSQL, bonds, and what a visitor becomes at sign-in."""

from datetime import timedelta

import pytest
import redis
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from distributors.links import actions as links
from distributors.links import buffer
from distributors.links.attribution import credit
from distributors.links.models import Bond, ShareLink, Touch, Visitor
from distributors.links.queries import (
    credit_facts,
    customers_of,
    link_by_token,
    link_of,
    visits_by_day,
    visits_of_links,
)
from distributors.stores import actions as stores
from shop.accounts.models import WechatIdentity
from shop.base.errors import Conflict, Invalid, NotFound
from shop.base.numbers import token_hash
from tests.distributors.sellers import at_once, moment, open_store, opened, rows, share, tea
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
    given = credit_facts(
        user=user, visitor_key=key, product_ids=[one.pk for one in products], now=at or moment()
    )
    found = credit(facts=given)[products[0].pk]
    return (given.stores[found.store_id].code if found.store_id else None, found.reason)


# --- links ----------------------------------------------------------------------------------------


def test_a_link_is_opaque_and_the_same_share_gives_the_same_link():
    store, white = open_store("阿禾 Ahe"), tea()
    link = share(store, white)
    assert len(link.token) == 12 and link.token.isalnum()
    assert share(store, white).pk == link.pk
    assert share(store).pk != link.pk
    assert link_by_token(link.token) == link
    assert link_of(store, link.token) == link


def test_a_revoked_link_leads_nowhere_and_can_be_shared_anew():
    store = open_store("阿禾 Ahe")
    link = share(store)
    links.revoke_link(link=link, now=moment())
    assert link_by_token(link.token) is None
    assert share(store).token != link.token


def test_another_stores_link_is_not_found():
    ahe, lin = open_store("阿禾 Ahe"), open_store("林 Lin")
    with pytest.raises(NotFound):
        link_of(lin, share(ahe).token)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"target": "category"}, "target"),
        ({"target": "product"}, "product"),
        ({"target": "store", "channel": "fax"}, "channel"),
        ({"target": "store", "label": "长" * 41}, "label"),
    ],
)
def test_a_link_names_what_is_wrong_with_it(wrong, field):
    with pytest.raises(Invalid) as refusal:
        links.create_link(store=open_store("阿禾 Ahe"), now=moment(), **wrong)
    assert refusal.value.field == field
    assert ShareLink.objects.count() == 0


def test_a_closed_store_shares_nothing():
    store = open_store("阿禾 Ahe")
    stores.leave(distributor=store.distributor, now=moment())
    with pytest.raises(Conflict):
        share(store)


# --- openings ---------------------------------------------------------------------------------------


def test_an_opening_waits_in_redis_and_is_stored_once():
    link = share(open_store("阿禾 Ahe"))
    touch = links.record_touch(link=link, visitor_key=KEY, now=moment())
    assert (Touch.objects.count(), buffer.waiting()) == (0, 1)

    assert links.flush_touches(limit=10) == 1
    assert links.flush_touches(limit=10) == 0

    stored = Touch.objects.get()
    assert (stored.number, stored.token, stored.store_id, stored.visitor_hash, stored.user_id) == (
        touch.number,
        link.token,
        link.store_id,
        token_hash(KEY),
        None,
    )
    assert buffer.waiting() == 0


def test_flushing_the_same_batch_twice_stores_it_once():
    link = share(open_store("阿禾 Ahe"))
    links.record_touch(link=link, visitor_key=KEY, now=moment())
    ((name, openings),) = list(buffer.batches(limit=10))
    assert links.store_openings(openings=openings) == 1
    # The flush is killed here, after its commit and before Redis heard of it.
    assert links.flush_touches(limit=10) == 0
    assert (Touch.objects.count(), Bond.objects.count()) == (1, 1)
    assert list(buffer.batches(limit=10)) == []
    assert name not in {key.decode() for key in buffer._client().keys("*")}


def test_a_flush_that_is_killed_before_its_commit_loses_nothing():
    link = share(open_store("阿禾 Ahe"))
    links.record_touch(link=link, visitor_key=KEY, now=moment())
    list(buffer.batches(limit=10))
    assert (Touch.objects.count(), buffer.waiting()) == (0, 0)
    links.record_touch(link=link, visitor_key=OTHER_KEY, now=moment())
    assert links.flush_touches(limit=10) == 2


def test_a_flush_takes_no_more_than_its_limit():
    link = share(open_store("阿禾 Ahe"))
    for place in range(5):
        links.record_touch(link=link, visitor_key=f"{place}" * 32, now=moment())
    assert [links.flush_touches(limit=2) for _run in range(4)] == [2, 2, 1, 0]


def test_with_redis_away_an_opening_is_stored_at_once(settings):
    settings.LINJIA_REDIS_URL = "redis://127.0.0.1:1/0"
    link = share(open_store("阿禾 Ahe"))
    touch = links.record_touch(link=link, visitor_key=KEY, now=moment())
    assert Touch.objects.get().number == touch.number
    assert links.flush_touches(limit=10) == 0
    assert winner(person("苏 Su"), tea()) == (link.store.code, "protected_bond")


def test_an_unreadable_entry_stops_nobody():
    link = share(open_store("阿禾 Ahe"))
    buffer._client().rpush(buffer._OPEN, b"{not json", b'["too","short"]')
    links.record_touch(link=link, visitor_key=KEY, now=moment())
    assert links.flush_touches(limit=10) == 1


def test_a_flood_from_one_address_makes_a_bounded_number_of_rows():
    link = share(open_store("阿禾 Ahe"))
    for place in range(buffer.PER_MINUTE_MAX + 50):
        links.record_touch(
            link=link, visitor_key=f"{place:032d}", now=moment(), address="198.51.100.7"
        )
    assert links.flush_touches(limit=5_000) == buffer.PER_MINUTE_MAX


def test_opening_the_same_link_again_at_once_is_one_opening():
    link = share(open_store("阿禾 Ahe"))
    at = moment()
    for _click in range(3):
        links.record_touch(link=link, visitor_key=KEY, now=at)
    assert links.flush_touches(limit=10) == 1


def test_storing_takes_the_same_statements_for_one_and_for_many():
    link = share(open_store("阿禾 Ahe"))
    counts = []
    for size in (1, 30):
        for place in range(size):
            links.record_touch(link=link, visitor_key=f"{size}-{place:029d}", now=moment())
        with CaptureQueriesContext(connection) as queries:
            assert links.flush_touches(limit=100) == size
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_touches_are_partitioned_by_month_and_kept(as_app_role):
    link = share(open_store("阿禾 Ahe"))
    opened(link, KEY)
    partition = f"links_touch_{moment():%Y%m}"
    assert rows(f"SELECT count(*) FROM {partition}") == [(1,)]
    with as_app_role():
        opened(link, OTHER_KEY)
        for attack in ("UPDATE links_touch SET store_id = 1", "DELETE FROM links_touch"):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(attack)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE links_touch SET store_id = 1")
    assert Touch.objects.count() == 2


def test_months_open_ahead_move_what_came_early_and_leave_after_retention(as_app_role):
    link = share(open_store("阿禾 Ahe"))
    now = moment()
    later, long_ago = now + 200 * DAY, now - 400 * DAY
    opened(link, KEY, at=later)
    opened(link, OTHER_KEY, at=long_ago)
    assert rows("SELECT count(*) FROM links_touch_default") == [(2,)]
    with as_app_role():
        opened_count, _dropped = links.open_months(now=later, months=2, retention_months=240)
        links.open_months(now=long_ago, months=1, retention_months=240)
        assert opened_count == 2
        assert links.open_months(now=later, months=2, retention_months=240)[0] == 0
    assert rows("SELECT count(*) FROM links_touch_default") == [(0,)]
    assert rows(f"SELECT count(*) FROM links_touch_{later:%Y%m}") == [(1,)]
    with as_app_role():
        assert links.open_months(now=now, months=1, retention_months=12) == (0, 1)
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT links_touch_drop_before(%s)", [now.date()])
    assert Touch.objects.count() == 1


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
    assert list(
        Bond.objects.order_by("pk").values_list("store__name", "reason", "ended_at")
    ) == [("阿禾 Ahe 的小店", "first_touch", start + 15 * DAY), ("林 Lin 的小店", "moved", None)]


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


def test_the_facts_cost_three_statements_whatever_she_opened():
    ahe, lin, su, white = open_store("阿禾 Ahe"), open_store("林 Lin"), person("苏 Su"), tea()
    for place, store in enumerate([ahe, lin] * 4):
        opened(share(store), KEY, user=su, at=moment() - place * DAY)
    with CaptureQueriesContext(connection) as queries:
        given = credit_facts(user=su, visitor_key=KEY, product_ids=[white.pk], now=moment())
    assert (len(queries), len(given.touches)) == (3, 8)


def test_a_referrer_who_is_the_buyer_or_her_other_account_gets_no_second_level():
    lin, ahe, white = open_store("林 Lin"), open_store("阿禾 Ahe"), tea()
    bind(ahe, lin)
    su, lin_user = person("苏 Su"), lin.distributor.user
    for buyer in (su, lin_user):
        opened(share(ahe), f"{buyer.pk:032d}", user=buyer)

    def second(buyer):
        given = credit_facts(
            user=buyer, visitor_key="", product_ids=[white.pk], now=moment()
        )
        found = credit(facts=given)[white.pk]
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
    WechatIdentity.objects.create(
        user=ahe.distributor.user, app_id="one", openid="o1", unionid="same-person"
    )
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


@pytest.mark.django_db(transaction=True)
def test_two_flushes_at_the_same_moment_store_everything_once():
    link = share(open_store("阿禾 Ahe"))
    for place in range(200):
        links.record_touch(link=link, visitor_key=f"{place:032d}", now=moment())
    outcomes = at_once(*(lambda: links.flush_touches(limit=60) for _flush in range(4)))
    while links.flush_touches(limit=60):
        pass
    assert all(isinstance(one, int) for one in outcomes), outcomes
    assert (Touch.objects.count(), Bond.objects.count()) == (200, 200)


@pytest.mark.django_db(transaction=True)
def test_redis_that_forgets_everything_loses_no_stored_opening(settings):
    link = share(open_store("阿禾 Ahe"))
    opened(link, KEY)
    redis.Redis.from_url(settings.LINJIA_REDIS_URL).flushdb()
    assert links.flush_touches(limit=10) == 0
    assert Touch.objects.count() == 1
