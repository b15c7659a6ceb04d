"""Who recruited whom: once, no self, no loop – also when everybody binds at the same moment."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from distributors.referrals import actions as referrals
from distributors.referrals.models import Referral
from distributors.referrals.queries import recruits_of, referrer_store
from distributors.stores import actions as stores
from shop.base.errors import Invalid
from shop.ledger.models import Journal
from tests.distributors.sellers import at_once, moment, open_store, rows
from tests.world import STAFF


def bind(store, referrer):
    return referrals.bind(distributor=store.distributor, referrer=referrer.distributor, now=moment())


@pytest.mark.django_db
def test_ahe_is_bound_to_lin_once_and_for_good():
    lin, ahe, su = open_store("林 Lin"), open_store("阿禾 Ahe"), open_store("苏 Su")
    first = bind(ahe, lin)
    assert bind(ahe, lin).pk == first.pk
    with pytest.raises(referrals.AlreadyBound):
        bind(ahe, su)
    assert referrer_store(ahe.pk) == lin
    assert referrer_store(lin.pk) is None
    assert [one.pk for one in recruits_of(lin.distributor)] == [ahe.distributor_id]
    assert rows("SELECT store, referrer FROM audit.referrals") == [(ahe.code, lin.code)]


@pytest.mark.django_db
def test_recruiting_earns_nothing():
    lin, ahe = open_store("林 Lin"), open_store("阿禾 Ahe")
    bind(ahe, lin)
    assert Journal.objects.count() == 0


@pytest.mark.django_db
def test_a_referrer_who_is_not_open_earns_no_second_level_and_recruits_nobody():
    lin, ahe, su = open_store("林 Lin"), open_store("阿禾 Ahe"), open_store("苏 Su")
    bind(ahe, lin)
    stores.suspend(distributor=lin.distributor, actor=STAFF, reason="查一查", now=moment())
    assert referrer_store(ahe.pk) is None
    with pytest.raises(Invalid):
        bind(su, lin)
    stores.reinstate(distributor=lin.distributor, actor=STAFF, now=moment())
    assert referrer_store(ahe.pk) == lin


@pytest.mark.django_db
def test_nobody_recruits_herself_or_her_own_recruiters():
    lin, ahe, su = open_store("林 Lin"), open_store("阿禾 Ahe"), open_store("苏 Su")
    with pytest.raises(Invalid):
        bind(lin, lin)
    bind(ahe, lin)
    bind(su, ahe)
    with pytest.raises(referrals.WouldLoop):
        bind(lin, su)
    with pytest.raises(referrals.WouldLoop):
        bind(lin, ahe)
    assert Referral.objects.count() == 2


@pytest.mark.django_db
def test_the_database_alone_refuses_self_loop_change_and_removal():
    lin, ahe = open_store("林 Lin"), open_store("阿禾 Ahe")
    bind(ahe, lin)
    make = Referral.objects.create
    for change in (
        lambda: make(distributor=lin.distributor, referrer=lin.distributor, bound_at=moment()),
        lambda: make(distributor=lin.distributor, referrer=ahe.distributor, bound_at=moment()),
        lambda: Referral.objects.filter(pk=ahe.distributor_id).update(reason="x"),
        lambda: Referral.objects.filter(pk=ahe.distributor_id).delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    with pytest.raises(IntegrityError), transaction.atomic():
        make(distributor=ahe.distributor, referrer=lin.distributor, bound_at=moment())


@pytest.mark.django_db
def test_the_apps_role_can_bind_and_cannot_rebind(as_app_role):
    lin, ahe = open_store("林 Lin"), open_store("阿禾 Ahe")
    with as_app_role():
        bind(ahe, lin)
        with pytest.raises(DatabaseError), transaction.atomic():
            Referral.objects.filter(pk=ahe.distributor_id).update(referrer=ahe.distributor)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [2, 3, 4])
def test_a_ring_that_binds_at_the_same_moment_is_never_closed(size):
    ring = [open_store(f"环 {size}-{place}") for place in range(size)]
    outcomes = at_once(
        *(lambda one=ring[place], next_one=ring[(place + 1) % size]: bind(one, next_one) for place in range(size))
    )
    loops = [one for one in outcomes if isinstance(one, referrals.WouldLoop)]
    bound = [one for one in outcomes if isinstance(one, Referral)]
    assert (len(loops), len(bound)) == (1, size - 1), outcomes


@pytest.mark.django_db(transaction=True)
def test_two_joins_of_two_chains_at_the_same_moment_do_not_close_a_ring():
    one, two, three, four = (open_store(f"链 {place}") for place in range(4))
    bind(one, two)
    bind(three, four)
    outcomes = at_once(lambda: bind(two, three), lambda: bind(four, one))
    kinds = sorted(type(outcome).__name__ for outcome in outcomes)
    assert kinds == ["Referral", "WouldLoop"], outcomes
