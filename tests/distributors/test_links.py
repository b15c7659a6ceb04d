"""Sharing links, and openings on their way through Redis into PostgreSQL."""

from datetime import timedelta

import pytest
import redis
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from distributors.links import actions as links
from distributors.links import buffer
from distributors.links.attribution import credit
from distributors.links.models import Bond, ShareLink, Touch
from distributors.links.queries import (
    credit_facts,
    link_by_token,
    link_of,
)
from distributors.stores import actions as stores
from shop.base.errors import Conflict, Invalid, NotFound
from shop.base.numbers import token_hash
from shop.work.redis_client import redis_client
from tests.distributors.sellers import at_once, moment, open_store, opened, rows, share, tea
from tests.world import person

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
    assert redis_client().exists(name) == 0


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
    redis_client().rpush(buffer._OPEN, b"{not json", b'["too","short"]')
    links.record_touch(link=link, visitor_key=KEY, now=moment())
    assert links.flush_touches(limit=10) == 1


def test_a_flood_from_one_address_makes_a_bounded_number_of_rows():
    link = share(open_store("阿禾 Ahe"))
    for place in range(buffer.PER_MINUTE_MAX + 50):
        links.record_touch(link=link, visitor_key=f"{place:032d}", now=moment(), address="198.51.100.7")
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
