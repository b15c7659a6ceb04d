"""A person takes her data along, and leaves: nobody else's data inside, and nothing of hers left."""

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as live
from django.db import DatabaseError, connection, models, transaction
from django.test import Client

from distributors.payouts import actions as payouts
from distributors.payouts.models import Withdrawal
from orders.aftersales.models import AfterSale
from orders.flow import aftersale, reversal
from orders.flow.payment import confirm_payment
from orders.lifecycle.models import Order, OrderLine
from shop.accounts import actions as accounts
from shop.accounts.models import User, WechatIdentity
from shop.gateways.contract import Notice
from shop.gateways.sms import SandboxSms
from shop.media import actions as media
from shop.media.models import Picture
from shop.notifications.models import Notification
from shop.personal import actions
from shop.personal.models import Consent, Export, Leaving
from shop.privacy.parts import parts
from shop.work.models import Due
from tests import world
from tests.distributors import sellers
from tests.orders import trade
from tests.two_worlds import CANARY, bought_by, evidence_of

pytestmark = pytest.mark.django_db
PHONE = "13800000001"


def test_no_table_about_a_person_is_forgotten() -> None:
    """Every table that points at a user is spoken for by some app's part."""
    about = {
        model._meta.label_lower
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey)
        and field.related_model is User
        and not model.__module__.startswith("django.")
    }
    spoken_for = {table for part in parts() for table in part.tables}
    assert {label for label in about if "historical" not in label} - spoken_for == set()


def test_my_data_is_all_of_mine_and_nobody_elses(client: Client, media_folder: Any) -> None:
    tea = world.product(world.yunling(), "云岭白茶")
    su = world.customer("苏 Su")
    mine = bought_by(su, tea)
    bought_by(world.customer("周 Zhou"), tea, secret=CANARY)
    client.force_login(su)
    assert [client.post("/me/privacy/export/").status_code for _twice in range(2)] == [302, 302]
    (export,) = Export.objects.all()
    actions.make_export(number=export.number, now=world.now())
    actions.make_export(number=export.number, now=world.now())
    assert Notification.objects.filter(user=su, kind="export_ready").count() == 1

    answer = client.get("/me/privacy/file/")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]
    told = json.loads(archive.read("data.json"))
    assert told["profile"][0]["phone"] == PHONE
    assert {order["number"] for order in told["orders"]} == set(
        Order.objects.filter(user=su).values_list("number", flat=True)
    )
    assert [case["number"] for case in told["after_sales"]] == [mine.case]
    assert [review["number"] for review in told["reviews"]] == [mine.review]
    assert f"pictures/{mine.picture}.webp" in archive.namelist()
    everything = "".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
    assert CANARY not in everything
    assert "灵隐路 1 号" in archive.read("tables/orders.csv").decode()

    client.force_login(world.person("周 Zhou"))
    assert client.get("/me/privacy/file/").headers["Location"] == "/me/privacy/"
    actions.end_export(number=export.number, now=world.now())
    client.force_login(su)
    assert client.get("/me/privacy/file/").headers["Location"] == "/me/privacy/"
    assert not list(media_folder.rglob("*.zip"))


def test_who_has_something_open_is_told_what() -> None:
    su = world.customer("苏 Su")
    bought_by(su, world.product(world.yunling(), "云岭白茶"))
    with pytest.raises(actions.MustStay) as refusal:
        actions.leave(user=su, now=world.now())
    assert len(refusal.value.extra["reasons"]) == 3
    with pytest.raises(actions.MustStay):
        actions.leave(user=world.ahe().distributor.user, now=world.now())
    assert not Leaving.objects.exists()


def signed_in(password: str = world.PASSWORD) -> Client:
    client = Client(headers={"User-Agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/156.0"})
    client.post("/sign-in/?way=password", {"phone": PHONE, "password": password})
    return client


def dump() -> str:
    """Return every row of every table as text, as a dump shows it."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found += [row[0] for row in cursor.fetchall()]
    return "\n".join(found)


def had_words_about(order: Order, su: User) -> None:
    """She paid inside WeChat, complained with a photo, was answered, took it back; and gave another order up."""
    payment = trade.start(order, openid="openid-of-su-7")
    notice = Notice(
        event_id="E-of-su-7",
        kind="payment",
        number=payment.number,
        state="paid",
        amount_fen=payment.amount_fen,
        transaction_id="42-of-su-7",
        merchant_id="",
        app_id="",
        created_at=world.now(),
        raw={"payer": {"openid": "openid-of-su-7"}, "transaction_id": "42-of-su-7"},
    )
    assert confirm_payment(gateway_name="sandbox", notice=notice, now=world.now()) == "applied"
    trade.ship(order)
    case = aftersale.open_aftersale(
        user=su,
        order_number=order.number,
        line=1,
        kind="refund_only",
        reason="damaged",
        quantity=1,
        text="茶罐碎了，苏小满",
        pictures=[evidence_of(su)],
        now=world.now(),
    )
    aftersale.say(aftersale=case, author="supplier", text="苏女士您好，请再看看", now=world.now())
    aftersale.say(aftersale=case, author="customer", text="茶罐碎了一角", now=world.now())
    aftersale.withdraw(aftersale=case, actor=f"user:{su.number}", now=world.now())
    trade.complete(order)
    other = world.place(su, [(OrderLine.objects.get(order=order).product, 1)])
    reversal.cancel_order(order=other, actor=f"user:{su.number}", reason="想要红茶，苏小满", now=world.now())
    for picture in Picture.objects.all():
        media.draw_picture(number=picture.number, now=world.now())


def test_a_payee_who_left_leaves_her_withdrawals_without_openid_then_without_name() -> None:
    store = sellers.rich("阿禾 Ahe")
    sellers.payee(store, real_name="何禾", openid="openid-of-he-7")
    row = payouts.request(store=store, amount_fen=1_000, now=world.now())
    payouts.cancel(store=store, number=row.number, now=world.now())
    mine, user = Withdrawal.objects.filter(pk=row.pk), store.distributor.user
    for left in ({"openid": ""}, {"real_name": ""}):
        # While she is here no hand takes the payee off.
        with pytest.raises(DatabaseError), transaction.atomic():
            mine.update(**left)
    at = world.now()
    Leaving.objects.create(user=user, asked_at=at, due_at=at, done_at=at)
    with pytest.raises(DatabaseError), transaction.atomic():
        mine.update(openid="openid-of-another")
    for part in parts():
        part.erase(user.pk, at)
    assert "openid-of-he-7" not in dump()
    row.refresh_from_db()
    assert (row.openid, row.real_name) == ("", "何禾")
    for part in parts():
        part.expire(user.pk, at)
    row.refresh_from_db()
    assert row.real_name == ""


def test_leaving_waits_can_be_taken_back_and_leaves_nothing(media_folder: Any) -> None:
    su = world.customer("苏 Su")
    User.objects.filter(pk=su.pk).update(name="苏小满")
    accounts.sign_in_with_wechat(app_id="wx-test", openid="openid-of-su-7", unionid="union-su-7", phone=PHONE)
    tea = world.product(world.yunling(), "云岭白茶")
    order = world.place(su, [(tea, 1)], note="门铃坏了")
    had_words_about(order, su)
    here, there = signed_in(), signed_in()
    assert Consent.objects.filter(user=su, purpose="service", withdrawn_at=None).count() == 1

    # A wrong password and no proof at all delete nothing; the code to her own phone does as well as the password.
    for form in ({"password": "not-mine-8"}, {}):
        assert here.post("/me/privacy/leave/", form).status_code == 200
    assert not Leaving.objects.exists()
    here.post("/me/privacy/leave/", {"send": "code"})
    gone = here.post("/me/privacy/leave/", {"code": SandboxSms.last_code(PHONE)}, headers={"Accept-Language": "zh-CN"})
    assert "已退出登录" in gone.content.decode()
    (leaving,) = Leaving.objects.all()
    assert [browser.get("/me/").status_code for browser in (here, there)] == [302, 302]

    # Signing in again takes it back.
    again = signed_in()
    leaving.refresh_from_db()
    assert leaving.cancelled_at is not None
    actions.erase(number=su.number, now=world.now() + timedelta(days=30))
    assert again.get("/me/").status_code == 200

    again.post("/me/privacy/leave/", {"password": world.PASSWORD})
    due = Due.objects.get(what="account.erase", subject=su.number, state="open")
    assert due.due_at - Leaving.objects.get(cancelled_at=None).asked_at == timedelta(days=live.LINJIA_LEAVING_DAYS)
    for _twice in range(2):
        actions.erase(number=su.number, now=due.due_at + timedelta(seconds=1))
    left = User.objects.get(pk=su.pk)
    assert (left.phone, left.phone_key, left.name, left.is_active) == (None, None, "", False)
    text = dump()
    for trace in ("苏小满", PHONE, "union-su-7", "门铃坏了", "openid-of-su-7", "茶罐碎了", "想要红茶"):
        assert trace not in text, trace
    photos = [str(path) for path in media_folder.rglob("*") if path.is_file()]
    for row in Due.objects.filter(what=media.DISCARD, state="open"):
        media.discard(number=row.subject)
    assert photos and not [path for path in media_folder.rglob("*") if path.is_file()]
    # What became of her case stays, and what the supplier said, as long as records are kept.
    assert ("苏女士您好" in text, AfterSale.objects.filter(order=order, state="withdrawn").count()) == (True, 1)
    assert not WechatIdentity.objects.filter(user=su).exists()
    # The order stays for the law, its recipient under seal, until the law lets go.
    order.refresh_from_db()
    assert order.recipient_phone
    actions.expire(number=su.number, now=world.now() + timedelta(days=366 * live.LINJIA_RECORD_YEARS + 30))
    order.refresh_from_db()
    assert (order.recipient_name, order.recipient_phone, order.address_detail) == ("", "", "")
    assert "苏女士您好" not in dump()

    # The same WeChat and the same phone come again as somebody new.
    newcomer = accounts.sign_in_with_wechat(
        app_id="wx-test", openid="openid-of-su-7", unionid="union-su-7", phone=PHONE
    )
    assert newcomer.pk != su.pk
