"""Joining, leaving, and what a store shows."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, InternalError, ProgrammingError, transaction

from distributors.referrals.models import Referral
from distributors.stores import actions as stores
from distributors.stores.models import Distributor, Listing, Store
from distributors.stores.queries import (
    all_listings_of,
    listings_of,
    own_prices,
    prices_outside_band,
    store_by_code,
    store_of,
)
from shop.base.errors import Conflict, Invalid, NotAllowed, NotFound
from shop.catalogue import actions as catalogue
from shop.notifications.models import Notification
from shop.states.machine import StateConflict
from shop.states.models import StateChange
from shop.work.sweep import run_due
from tests.distributors.sellers import moment, open_store, tea
from tests.uploads import files_in, picture
from tests.world import STAFF, person, price, sku_of, yunling

pytestmark = pytest.mark.django_db


def test_ahe_applies_for_nothing_and_is_approved():
    ahe = person("阿禾 Ahe")
    distributor = stores.apply(user=ahe, store_name=" 阿禾的厨房 ", introduction="我爱做饭", now=moment())
    assert distributor.state == "applied"
    assert store_of(ahe) is None
    with pytest.raises(NotFound):
        store_by_code(distributor.store.code)

    stores.approve(distributor=distributor, actor=STAFF, now=moment())

    store = store_of(ahe)
    assert store is not None
    assert (store.name, store_by_code(store.code).pk) == ("阿禾的厨房", store.pk)
    assert [note.kind for note in Notification.objects.filter(user=ahe)] == ["distributor_approved"]
    assert list(
        StateChange.objects.filter(subject=f"distributor:{distributor.number}").values_list("source", "target", "actor")
    ) == [("applied", "active", STAFF)]


def test_joining_has_no_place_for_money():
    fields = {field.name for field in Distributor._meta.get_fields()}
    assert {name for name in fields if "fen" in name or "fee" in name or "deposit" in name} == set()


def test_applying_twice_is_refused_and_a_store_has_one_owner():
    ahe = person("阿禾 Ahe")
    stores.apply(user=ahe, store_name="一", introduction="", now=moment())
    with pytest.raises(Conflict) as refusal:
        stores.apply(user=ahe, store_name="二", introduction="", now=moment())
    assert refusal.value.code == "already_applied"
    assert Store.objects.count() == 1


@pytest.mark.parametrize("name", ["", "   ", "长" * 41, "bell\x07"])
def test_a_store_needs_a_name_that_can_be_shown(name):
    with pytest.raises(Invalid) as refusal:
        stores.apply(user=person("阿禾 Ahe"), store_name=name, introduction="", now=moment())
    assert refusal.value.field == "store_name"
    assert Distributor.objects.count() == 0


def test_a_rejected_person_may_ask_again_and_keeps_her_code():
    su = person("苏 Su")
    first = stores.apply(user=su, store_name="苏家", introduction="", now=moment())
    code = first.store.code
    with pytest.raises(Invalid):
        stores.reject(distributor=first, actor=STAFF, reason=" ", now=moment())
    stores.reject(distributor=first, actor=STAFF, reason="写得太少", now=moment())

    again = stores.apply(user=su, store_name="苏家小店", introduction="卖好茶", now=moment())

    assert (again.pk, again.state) == (first.pk, "applied")
    store = Store.objects.get(distributor=again)
    assert (store.code, store.name) == (code, "苏家小店")


def test_a_banned_person_is_out_for_good():
    store = open_store("苏 Su")
    stores.ban(distributor=store.distributor, actor=STAFF, reason="假货", now=moment())
    with pytest.raises(NotAllowed):
        stores.apply(user=person("苏 Su"), store_name="再来", introduction="", now=moment())
    with pytest.raises(StateConflict):
        stores.leave(distributor=store.distributor, now=moment())


def test_nobody_approves_her_own_application():
    ahe = person("阿禾 Ahe")
    distributor = stores.apply(user=ahe, store_name="阿禾", introduction="", now=moment())
    with pytest.raises(NotAllowed):
        stores.approve(distributor=distributor, actor=f"staff:{ahe.number}", now=moment())
    distributor.refresh_from_db()
    assert distributor.state == "applied"


def test_suspending_closes_the_store_and_reinstating_opens_it():
    store = open_store("阿禾 Ahe")
    stores.suspend(distributor=store.distributor, actor=STAFF, reason="夸大宣传", now=moment())
    with pytest.raises(NotFound):
        store_by_code(store.code)
    assert store_of(person("阿禾 Ahe")) == store
    with pytest.raises(Conflict):
        stores.approve(distributor=store.distributor, actor=STAFF, now=moment())

    stores.reinstate(distributor=store.distributor, actor=STAFF, now=moment())
    assert store_by_code(store.code) == store


def test_an_invitation_binds_the_referral_once():
    lin = open_store("林 Lin")
    ahe = person("阿禾 Ahe")
    distributor = stores.apply(user=ahe, store_name="阿禾", introduction="", referrer_code=lin.code, now=moment())
    assert run_due(rounds_max=3) == 1
    assert list(Referral.objects.values_list("distributor", "referrer")) == [(distributor.pk, lin.distributor_id)]
    assert run_due(rounds_max=3) == 0


@pytest.mark.parametrize("code", ["nobody-here", "' OR 1=1 --"])
def test_a_forged_invitation_is_refused(code):
    with pytest.raises(Invalid) as refusal:
        stores.apply(user=person("苏 Su"), store_name="苏", introduction="", referrer_code=code, now=moment())
    assert refusal.value.field == "referrer_code"
    assert Distributor.objects.count() == 0


def test_the_database_refuses_other_edges_and_a_changed_code():
    store = open_store("阿禾 Ahe")
    for change in (
        lambda: Distributor.objects.filter(pk=store.distributor_id).update(state="rejected"),
        lambda: Store.objects.filter(pk=store.pk).update(code="mine"),
        lambda: Store.objects.filter(pk=store.pk).delete(),
    ):
        with pytest.raises((IntegrityError, InternalError, ProgrammingError)), transaction.atomic():
            change()


# --- listings ---------------------------------------------------------------------------------------


def test_ahe_picks_a_tea_with_her_own_words_and_price():
    store, white = open_store("阿禾 Ahe"), tea(floor_fen=9_000, ceiling_fen=12_000)
    sku = sku_of(white)
    listing = stores.list_product(
        store=store,
        product=white,
        title="阿禾的早茶",
        reason="每天都喝",
        prices={sku.number: 10_800},
        now=moment(),
    )
    assert (listing.title, listing.reason) == ("阿禾的早茶", "每天都喝")
    assert own_prices(store.pk, [sku.pk]) == {sku.pk: 10_800}

    stores.list_product(store=store, product=white, title="新名字", prices={}, now=moment())
    assert own_prices(store.pk, [sku.pk]) == {}
    assert [one.title for one in listings_of(store)] == ["新名字"]


@pytest.mark.parametrize("price_fen", [8_999, 12_001, 0, -1, True, 10_000.0, "10000"])
def test_own_prices_stay_inside_the_band(price_fen):
    store, white = open_store("阿禾 Ahe"), tea(floor_fen=9_000, ceiling_fen=12_000)
    with pytest.raises(Invalid) as refusal:
        stores.list_product(store=store, product=white, prices={sku_of(white).number: price_fen}, now=moment())
    assert refusal.value.field == "prices"
    assert Listing.objects.count() == 0


def test_another_products_sku_cannot_be_priced():
    store, white, green = open_store("阿禾 Ahe"), tea(), tea("绿茶")
    with pytest.raises(Invalid) as refusal:
        stores.list_product(store=store, product=white, prices={sku_of(green).number: 9_800}, now=moment())
    assert refusal.value.field == "prices"


def test_a_price_the_band_left_behind_counts_no_more():
    store, white = open_store("阿禾 Ahe"), tea(floor_fen=9_000, ceiling_fen=12_000)
    sku = sku_of(white)
    stores.list_product(store=store, product=white, prices={sku.number: 9_100}, now=moment())

    price(sku, supply_fen=6_000, retail_fen=9_800, floor_fen=9_500, ceiling_fen=12_000)

    assert own_prices(store.pk, [sku.pk]) == {}
    assert [one.retail_fen for one in prices_outside_band(store)] == [9_100]


def test_own_prices_are_one_stores_own_and_end_with_it():
    ahe, lin, white = open_store("阿禾 Ahe"), open_store("林 Lin"), tea()
    sku = sku_of(white)
    stores.list_product(store=ahe, product=white, prices={sku.number: 9_900}, now=moment())
    stores.list_product(store=lin, product=white, prices={sku.number: 9_700}, now=moment())
    assert own_prices(ahe.pk, [sku.pk]) == {sku.pk: 9_900}

    stores.leave(distributor=ahe.distributor, now=moment())
    assert own_prices(ahe.pk, [sku.pk]) == {}
    assert own_prices(lin.pk, [sku.pk]) == {sku.pk: 9_700}


def test_a_product_off_sale_disappears_and_comes_back():
    store, white = open_store("阿禾 Ahe"), tea()
    stores.list_product(store=store, product=white, title="白茶", now=moment())
    actor = f"supplier:{yunling().code}"
    catalogue.take_off_sale(product=white, actor=actor, at=moment())
    assert list(listings_of(store)) == []
    assert [one.title for one in all_listings_of(store)] == ["白茶"]
    with pytest.raises(NotFound):
        stores.list_product(store=store, product=white, title="还在", now=moment())

    catalogue.put_on_sale(product=white, actor=actor, at=moment())
    assert [one.title for one in listings_of(store)] == ["白茶"]


def test_a_closed_store_picks_nothing():
    store, white = open_store("阿禾 Ahe"), tea()
    stores.leave(distributor=store.distributor, now=moment())
    with pytest.raises(Conflict) as refusal:
        stores.list_product(store=store, product=white, now=moment())
    assert refusal.value.code == "store_not_open"


def test_picks_stand_in_the_order_their_owner_gave_them():
    store = open_store("阿禾 Ahe")
    teas = [tea(title) for title in ("白茶", "绿茶", "红茶")]
    for place, one in enumerate(teas):
        stores.list_product(store=store, product=one, title=one.title, now=moment() + timedelta(seconds=place))
    assert [one.title for one in listings_of(store)] == ["红茶", "绿茶", "白茶"]
    stores.arrange(store=store, product_numbers=[teas[1].number, teas[0].number])
    assert [one.title for one in listings_of(store)] == ["绿茶", "白茶", "红茶"]
    with pytest.raises(NotFound):
        stores.arrange(store=store, product_numbers=["p-unknown"])

    stores.unlist(store=store, product=teas[1])
    assert [one.title for one in listings_of(store)] == ["白茶", "红茶"]


def test_a_store_changes_what_it_says_but_no_script_gets_a_picture():
    store = open_store("阿禾 Ahe")
    stores.update_store(store=store, name="阿禾厨房", announcement="周三到货", now=moment())
    store.refresh_from_db()
    assert (store.name, store.announcement) == ("阿禾厨房", "周三到货")
    with pytest.raises(Invalid):
        stores.update_store(store=store, portrait=b"<svg onload=alert(1)></svg>", now=moment())
    with pytest.raises(Invalid):
        stores.update_store(store=store, name="", now=moment())


def test_a_stores_portrait_is_shown_once_it_is_drawn_and_the_last_one_stays(media_folder):
    store = open_store("阿禾 Ahe")
    for side in (50, 60):
        stores.update_store(store=store, portrait=picture(side, side), now=moment())
    # The first one never was drawn: its turn comes when another has taken its place.
    run_due(rounds_max=2)
    store.refresh_from_db()
    assert (store.portrait.name, store.picture.width) == (store.picture.file, 60)
    assert {name.split("/")[-1].split("-")[0].removesuffix(".webp") for name in files_in(media_folder)} == {
        store.picture.number
    }
    stores.update_store(store=store, portrait=b"", now=moment())
    run_due(rounds_max=2)
    assert (store.portrait.name, files_in(media_folder)) == ("", [])
