"""Withdrawing at a distributor's desk: the form, the debt, the payout account, confirming, what is another's."""

from datetime import timedelta

import pytest
from django.test import Client

from distributors.payouts import actions as payouts
from distributors.payouts.models import PayoutAccount, Withdrawal
from distributors.stores.models import Store
from shop.ledger import chart
from shop.ledger.actions import Entry, post
from shop.ledger.queries import balance_fen
from shop.states.machine import move
from tests import world
from tests.distributors.desk import ENGLISH, earn, payee, text, wechat

pytestmark = pytest.mark.django_db


@pytest.fixture
def ahe(client: Client) -> Store:
    """阿禾 Ahe's store, she is signed in."""
    store = world.ahe()
    client.force_login(store.distributor.user)
    return store


def test_withdrawing_from_the_form_to_the_books(client: Client, ahe: Store) -> None:
    earn(ahe, 10_000)
    payee(ahe)
    place = client.post("/dashboard/withdrawals/", {"amount_fen": "25.50"}).headers["Location"]
    made = Withdrawal.objects.get(store=ahe)
    assert (made.amount_fen, made.state) == (2_550, "requested")
    assert place == f"/dashboard/withdrawals/{made.number}/"
    page = client.get(place).content.decode()
    assert "¥25.50" in page
    # The name is masked: the first character only.
    assert "何阿禾" not in page
    assert "何**" in page
    books = text(client.get("/dashboard/books/?book=available", **ENGLISH).content)
    assert "-¥25.50" in books
    assert "¥74.50" in books
    assert "Withdrawal asked for" in books


@pytest.mark.parametrize(
    ("typed", "words"),
    [("0.50", "¥1.00"), ("200.01", "¥200.00"), ("", ""), ("abc", ""), ("-3", ""), ("1.005", "")],
)
def test_what_cannot_be_withdrawn_is_told_beside_the_field(client: Client, ahe: Store, typed: str, words: str) -> None:
    earn(ahe, 20_000)
    payee(ahe)
    response = client.post("/dashboard/withdrawals/", {"amount_fen": typed})
    page = response.content.decode()
    assert response.status_code == 400
    assert 'id="id_amount_fen_error"' in page
    assert words in page
    assert not Withdrawal.objects.exists()


def test_debt_is_shown_and_nothing_can_be_withdrawn(client: Client, ahe: Store) -> None:
    earn(ahe, 1_000)
    payee(ahe)
    entry = Entry(
        chart.store_available(ahe.code), chart.clearing("Odebt"), 1_500, debit_rest=chart.store_debt(ahe.code)
    )
    kind = chart.JournalKind.COMMISSION_CLAWED_BACK
    post(kind=kind, reference="Odebt", key="clawed:Odebt", entries=[entry], at=world.now())
    for address in ("/dashboard/", "/dashboard/withdrawals/", "/dashboard/earnings/"):
        assert "¥5.00" in client.get(address).content.decode(), address
    earn(ahe, 200)
    page = client.post("/dashboard/withdrawals/", {"amount_fen": "2.00"})
    assert page.status_code == 400
    assert "¥5.00" in page.content.decode()
    assert not Withdrawal.objects.exists()


def test_without_a_payout_account_the_way_there_is_shown(client: Client, ahe: Store) -> None:
    earn(ahe, 1_000)
    page = client.get("/dashboard/withdrawals/").content.decode()
    assert 'name="amount_fen"' not in page
    assert page.count('href="/dashboard/payout-account/"') == 1
    # And without WeChat there is nothing to type in.
    assert 'name="real_name"' not in client.get("/dashboard/payout-account/").content.decode()


def test_payout_account_is_her_own_wechat(client: Client, ahe: Store) -> None:
    wechat(ahe.distributor.user)
    # Without her separate consent no name is kept.
    assert client.post("/dashboard/payout-account/", {"real_name": "何阿禾"}).status_code == 400
    assert not PayoutAccount.objects.filter(distributor=ahe.distributor).exists()
    client.post("/dashboard/payout-account/", {"real_name": "何阿禾", "openid": "openid-of-a-thief", "agrees": "on"})
    saved = PayoutAccount.objects.get(distributor=ahe.distributor)
    assert (saved.real_name, saved.openid) == ("何阿禾", f"openid-{ahe.distributor.user_id}")
    page = client.post("/dashboard/payout-account/", {"real_name": "别人", "agrees": "on"}).content.decode()
    assert 'id="id_real_name_error"' in page
    assert "openid-" not in page


def waiting_user(withdrawal: Withdrawal) -> None:
    """Put a withdrawal where WeChat waits for its owner, as a gateway's answer would."""
    payouts.approve(withdrawal=withdrawal, actor=world.STAFF, now=world.now())
    at = world.now()
    move(withdrawal, "sending", actor="system", at=at, changes={"sent_at": at})
    until = at + timedelta(hours=24)
    move(withdrawal, "waiting_user", actor="system", at=at, changes={"confirm_until": until})


def test_confirming_shows_the_time_left_and_the_sandbox(client: Client, ahe: Store, settings: object) -> None:
    settings.LINJIA_SANDBOX_URL = "http://127.0.0.1:8010"  # type: ignore[attr-defined]
    earn(ahe, 1_000)
    payee(ahe)
    made = payouts.request(store=ahe, amount_fen=1_000, now=world.now())
    place = f"/dashboard/withdrawals/{made.number}/"
    assert "data-until" not in client.get(place).content.decode()
    waiting_user(made)
    page = client.get(place).content.decode()
    assert "data-until=" in page
    back = f"redirect_url=http%3A%2F%2Ftestserver%2Fdashboard%2Fwithdrawals%2F{made.number}%2F"
    assert f'href="http://127.0.0.1:8010/transfer/{made.number}?{back}"' in page
    settings.LINJIA_SANDBOX = False  # type: ignore[attr-defined]
    assert "127.0.0.1" not in client.get(place).content.decode()
    assert place in client.get("/dashboard/").content.decode()


def test_another_store_s_withdrawal_is_not_there(client: Client, ahe: Store) -> None:
    lin = world.lin()
    earn(lin, 1_000)
    payee(lin, "林小林")
    theirs = payouts.request(store=lin, amount_fen=1_000, now=world.now())
    assert client.get(f"/dashboard/withdrawals/{theirs.number}/").status_code == 404
    theirs.refresh_from_db()
    assert theirs.state == "requested"
    for address in ("/dashboard/withdrawals/", "/dashboard/", "/dashboard/books/?book=paying"):
        page = client.get(address).content.decode()
        assert theirs.number not in page
        assert "¥10.00" not in page


def test_taking_a_withdrawal_back(client: Client, ahe: Store) -> None:
    earn(ahe, 1_000)
    payee(ahe)
    made = payouts.request(store=ahe, amount_fen=600, now=world.now())
    place = f"/dashboard/withdrawals/{made.number}/"
    assert f'action="{place}cancel/"' in client.get(place).content.decode()
    # A link alone takes nothing back.
    assert client.get(f"{place}cancel/").status_code == 405
    assert client.post(f"{place}cancel/").headers["Location"] == place
    made.refresh_from_db()
    assert made.state == "cancelled"
    assert balance_fen(chart.store_available(ahe.code)) == 1_000
    # Twice is refused in words and moves nothing.
    page = client.post(f"{place}cancel/", follow=True, **ENGLISH).content.decode()
    assert "cannot be taken back" in page
    assert balance_fen(chart.store_available(ahe.code)) == 1_000
