"""What a person changes about herself, where she is signed in, and what she was told."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from shop.accounts.actions import issue_tokens
from shop.accounts.models import AccessToken, BrowserSession, User
from shop.accounts.rules import CODE_PAUSE
from shop.accounts.tasks import forget_tries
from shop.gateways.sms import SandboxSms
from shop.media.actions import draw_picture
from shop.media.models import Picture, Portrait
from shop.notifications.actions import notify
from shop.notifications.models import Notification
from shop.notifications.queries import key_of
from tests import world
from tests.uploads import photo

pytestmark = pytest.mark.django_db
SU, NEW = "13800000001", "13800000088"
CHINESE = {"Accept-Language": "zh-CN"}


def signed_in(password: str = world.PASSWORD, phone: str = SU) -> Client:
    client = Client(headers={"User-Agent": "Mozilla/5.0 (iPhone) MicroMessenger/8.0", **CHINESE})
    client.post("/sign-in/?way=password", {"phone": phone, "password": password})
    return client


def is_in(client: Client) -> bool:
    return client.get("/me/").status_code == 200


def test_a_portrait_is_drawn_replaced_and_taken_down(media_folder: Any) -> None:
    world.person("苏 Su")
    client = signed_in()
    fake = SimpleUploadedFile("me.png", b"<svg onload=alert(1)>", "image/png")
    assert 'id="id_portrait_error"' in client.post("/me/profile/", {"name": "苏", "portrait": fake}).content.decode()
    for number in (1, 2):
        client.post("/me/profile/", {"name": "苏", "portrait": SimpleUploadedFile("me.jpg", photo(), "image/jpeg")})
        (shown,) = Portrait.objects.all()
        draw_picture(number=shown.picture.number, now=world.now())
        shown.picture.refresh_from_db()
        assert f"/media/{shown.picture.file.removesuffix('.webp')}-400.webp" in client.get("/me/").content.decode(), (
            number
        )
    assert Picture.objects.filter(attached_at__isnull=False).count() == 1
    client.post("/me/profile/", {"name": "苏", "without_portrait": "on"})
    assert not Portrait.objects.exists()


def test_a_new_password_ends_every_other_session() -> None:
    su = world.person("苏 Su")
    here, there = signed_in(), signed_in()
    token = issue_tokens(user=su, device="小程序", now=world.now()).access
    for wrong in ({"password": "not-mine-8"}, {}, {"password": world.PASSWORD, "new_password": "123"}):
        here.post("/me/profile/password/", {"new_password": "plums-and-tea-9", **wrong})
        assert is_in(there)
    here.post("/me/profile/password/", {"password": world.PASSWORD, "new_password": "plums-and-tea-9"})
    assert [is_in(client) for client in (here, there)] == [True, False]
    bearer = {"Authorization": f"Bearer {token}"}
    assert Client().get("/api/v1/me/", headers=bearer).status_code == 401
    assert [is_in(signed_in(password)) for password in (world.PASSWORD, "plums-and-tea-9")] == [False, True]
    assert "微信" in here.get("/me/devices/").content.decode() or "WeChat" in here.get("/me/devices/").content.decode()


def test_a_phone_changes_with_a_code_to_both(settings: Any) -> None:
    su, zhou = world.person("苏 Su"), world.person("周 Zhou")
    client = signed_in()
    client.post("/me/profile/phone/", {"send": "new", "phone": NEW})
    code = SandboxSms.last_code(NEW)
    # The new phone alone is no proof, and neither is somebody else's password.
    for proof in ({}, {"password": "not-mine-8"}, {"old_code": "000000"}):
        client.post("/me/profile/phone/", {"phone": NEW, "code": code, **proof})
        assert User.objects.get(pk=su.pk).phone == SU
    client.post("/me/profile/phone/", {"send": "old", "phone": NEW})
    old = SandboxSms.last_code(SU)
    client.post("/me/profile/phone/", {"phone": NEW, "code": code, "old_code": old})
    assert User.objects.get(pk=su.pk).phone == NEW
    assert [is_in(signed_in(phone=phone)) for phone in (SU, NEW)] == [False, True]
    # A phone that has an account stays there.
    client.post("/me/profile/phone/", {"send": "new", "phone": zhou.phone})
    taken = {"phone": zhou.phone, "code": SandboxSms.last_code(zhou.phone or ""), "password": world.PASSWORD}
    assert 'id="id_phone_error"' in client.post("/me/profile/phone/", taken).content.decode()
    assert User.objects.get(pk=zhou.pk).phone == zhou.phone
    assert CODE_PAUSE.total_seconds() == 60


def test_devices_are_one_s_own_and_can_be_ended() -> None:
    su = world.person("苏 Su")
    world.person("周 Zhou")
    here, there, theirs = signed_in(), signed_in(), signed_in(phone="13800000002")
    issue_tokens(user=su, device="小满的手机", now=world.now())
    page = here.get("/me/devices/").content.decode()
    assert (page.count("WeChat · iPhone"), page.count("小满的手机")) == (2, 1)
    foreign = BrowserSession.objects.get(user__name="周 Zhou").number
    here.post("/me/devices/end/", {"number": foreign})
    assert is_in(theirs)
    key = there.session.session_key
    here.post("/me/devices/end/", {"number": BrowserSession.objects.get(session_key=key).number})
    assert [is_in(client) for client in (here, there)] == [True, False]
    there.post("/sign-out/")
    theirs.post("/sign-out/")
    forget_tries()
    assert BrowserSession.objects.count() == 1
    here.post("/me/devices/end/")
    assert not AccessToken.objects.filter(user=su, revoked_at=None).exists()
    assert is_in(here)


def test_messages_are_read_one_by_one_by_group_and_all_at_once() -> None:
    su, zhou = world.person("苏 Su"), world.person("周 Zhou")
    told = [
        ("order_expired", {"order": "SUS-FIRST"}),
        ("refund_sent", {"order": "SUS-SECOND", "amount_fen": 100}),
        ("export_ready", {}),
    ]
    for kind, facts in told:
        notify(
            user_id=su.pk,
            kind=kind,
            facts=facts,
            link="//evil.example/" if kind == "export_ready" else "/orders/O1/",
            at=timezone.now(),
        )
    notify(user_id=zhou.pk, kind="order_expired", facts={"order": "ZHOUS-ORDER"}, at=timezone.now())
    client = signed_in()
    page = client.get("/me/messages/", {"group": "orders"}).content.decode()
    # Long names: a page is full of random marks, and one of two letters is found in them now and then.
    assert [name in page for name in ("SUS-FIRST", "SUS-SECOND", "ZHOUS-ORDER")] == [True, False, False]
    assert Notification.objects.filter(read_at=None).count() == 4

    notices = {notice.kind: notice for notice in Notification.objects.filter(user=su)}
    opened = client.post("/me/messages/open/", {"key": key_of(notices["order_expired"]), "go": "1"})
    assert opened.headers["Location"] == "/orders/O1/"
    away = client.post("/me/messages/open/", {"key": key_of(notices["export_ready"]), "go": "1"})
    assert away.headers["Location"] == "/me/messages/"
    # Who wrote without saying where it leads is led there all the same.
    Notification.objects.filter(kind="refund_sent").update(link="")
    assert 'name="go"' in client.get("/me/messages/", {"group": "money_back"}).content.decode()
    for key in (key_of(Notification.objects.get(user=zhou)), str(notices["refund_sent"].pk), "x:y", ""):
        client.post("/me/messages/open/", {"key": key})
    unread = Notification.objects.filter(read_at=None).order_by("pk")
    assert [notice.kind for notice in unread] == ["refund_sent", "order_expired"]

    bearer = {"Authorization": f"Bearer {issue_tokens(user=su, device='', now=world.now()).access}"}
    api = Client(headers=bearer)
    assert api.get("/api/v1/me/notifications/counts/").json() == {"unread": 1, "groups": {"money_back": 1}}
    (row,) = api.get("/api/v1/me/notifications/", {"group": "money_back"}).json()["results"]
    assert api.get("/api/v1/me/notifications/", {"group": "nonsense"}).status_code == 400
    theirs = key_of(Notification.objects.get(user=zhou))
    for keys in ([theirs], [row["key"]]):
        api.post("/api/v1/me/notifications/read/", {"keys": keys}, content_type="application/json")
    assert [notice.user_id for notice in Notification.objects.filter(read_at=None)] == [zhou.pk]
    client.post("/me/messages/read/", {"group": ""})
    assert Notification.objects.filter(read_at=None).count() == 1
