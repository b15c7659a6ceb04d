"""The conversation of a case: who sees it, who may add to it, how its amount is explained, and where photos lie."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse

from orders.aftersales.models import AfterSale, Evidence, EvidencePhoto
from orders.aftersales.personal import PART
from orders.aftersales.rules import FreightRule
from orders.aftersales.wording import explain_case
from orders.flow import aftersale as flow
from orders.flow.proposals import propose
from orders.lifecycle.models import Order
from orders.payments.models import Refund
from shop.accounts.models import User
from shop.base.errors import Conflict, Invalid
from shop.media import actions as media
from shop.media.models import Picture
from shop.notifications.models import Notification
from shop.personal.models import Leaving
from shop.work.sweep import run_due
from tests import world
from tests.asking import Caller, new_key, refused, told
from tests.orders import trade
from tests.payloads import PAYLOADS
from tests.uploads import REFUSED, files_in, photo

pytestmark = pytest.mark.django_db
YUN = "supplier:yunling"


@pytest.fixture
def order() -> Order:
    """苏 has received three teas for ¥50 each and ¥12 freight."""
    bought = trade.bought((world.product(world.yunling(), "云岭白茶", retail_fen=5_000), 3))
    trade.ship(bought)
    trade.receive(bought)
    return bought


def kept(user: User, purpose: Picture.Purpose = Picture.Purpose.EVIDENCE) -> Picture:
    return media.keep(data=photo(600, 400), purpose=purpose, uploader=user, now=world.now())


def opened(order: Order, **more: object) -> AfterSale:
    facts = {
        "line": 1,
        "kind": "refund_only",
        "reason": "damaged",
        "quantity": 1,
        "text": "罐子裂了",
        "now": world.now(),
    }
    return flow.open_aftersale(user=order.user, order_number=order.number, **(facts | more))


def browser(user: User | None = None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


@pytest.fixture
def staff() -> User:
    return User.objects.create_superuser("13800000099", "staff-and-tea-8", name="客服")


def sent(data: bytes = b"") -> SimpleUploadedFile:
    return SimpleUploadedFile("a.jpg", data or photo(600, 400), content_type="image/jpeg")


# --- one thread of three sides --------------------------------------------------------------------


def test_customer_supplier_and_staff_speak_in_one_thread(order: Order, staff: User, media_folder: Path) -> None:
    case = opened(order, pictures=[kept(order.user)])
    desk = reverse("supplier:aftersales_aftersale_act_say", args=[case.pk])
    office = reverse("admin:aftersales_aftersale_act_say", args=[case.pk])
    yun, office_person, su = browser(world.person("云姐 Yun")), browser(staff), browser(order.user)
    assert yun.post(desk, {"text": "请再拍一张", "photos": [sent()]}).status_code == 302
    page = f"/after-sales/{case.number}/"
    assert su.post(f"{page}say/", {"text": "好的", "images": [sent(), sent()]}).status_code == 302
    assert office_person.post(office, {"text": "我们在看"}).status_code == 302
    run_due(rounds_max=3)

    said = Evidence.objects.order_by("at", "pk")
    assert [(row.author, row.text, row.photos.count()) for row in said] == [
        ("customer", "罐子裂了", 1),
        ("supplier", "请再拍一张", 1),
        ("customer", "好的", 2),
        ("platform", "我们在看", 0),
    ]
    for reader, address in (
        (su, page),
        (su, f"{page}thread/"),
        (yun, reverse("supplier:aftersales_aftersale_change", args=[case.pk])),
        (office_person, reverse("admin:aftersales_aftersale_change", args=[case.pk])),
    ):
        text = reader.get(address).content.decode()
        assert [words in text for words in ("罐子裂了", "请再拍一张", "好的", "我们在看")] == [True] * 4, address
        assert text.count("?size=small") >= 4, address
        assert "/media/evidence" not in text
    told_su = Notification.objects.filter(user=order.user, kind="aftersale_message")
    assert [row.link for row in told_su] == [page, page]
    assert Notification.objects.filter(user=world.person("云姐 Yun"), kind="aftersale_message").count() == 2


def test_what_was_said_stays(order: Order) -> None:
    case = opened(order, pictures=[kept(order.user)])
    for rows in (Evidence.objects.filter(aftersale=case), EvidencePhoto.objects.all()):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        EvidencePhoto.objects.update(position=1)


def test_what_somebody_who_left_had_said_is_told_to_be_gone(order: Order, staff: User, media_folder: Path) -> None:
    case = opened(order, pictures=[kept(order.user)])
    flow.say(aftersale=case, author="customer", text="", pictures=[kept(order.user)], now=world.now())
    flow.say(aftersale=case, author="supplier", text="苏女士，请稍等", now=world.now())
    readers = (
        (browser(order.user), f"/after-sales/{case.number}/thread/"),
        (browser(world.person("云姐 Yun")), reverse("supplier:aftersales_aftersale_change", args=[case.pk])),
        (browser(staff), reverse("admin:aftersales_aftersale_change", args=[case.pk])),
    )
    gone, with_hers = "已应本人要求删除：账号已注销。", "顾客已注销账号，此内容随其资料一并删除。"

    def notes(client: Client, address: str) -> tuple[int, int]:
        text = client.get(address, HTTP_ACCEPT_LANGUAGE="zh-CN").content.decode()
        return text.count(gone), text.count(with_hers)

    assert [notes(*reader) for reader in readers] == [(0, 0)] * 3
    Leaving.objects.create(user=order.user, asked_at=world.now(), due_at=world.now(), done_at=world.now())
    PART.erase(order.user.pk, world.now())
    assert [notes(*reader) for reader in readers] == [(2, 0)] * 3
    PART.expire(order.user.pk, world.now())
    assert [notes(*reader) for reader in readers] == [(2, 1)] * 3
    said = told(Caller(order.user).get(f"aftersales/{case.number}/"))["evidence"]
    assert [(row["text"], row["photos"], row["removal_note"]) for row in said] == [
        ("", [], "Removed at the writer's wish: the account was deleted."),
        ("", [], "Removed at the writer's wish: the account was deleted."),
        ("", [], "Removed with the data of the customer, who deleted the account."),
    ]


def test_an_ended_case_is_silent_and_photos_are_for_their_purpose(order: Order) -> None:
    case = opened(order)
    with pytest.raises(Invalid):
        flow.say(aftersale=case, author="customer", text=" ", now=world.now())
    wrong = [kept(order.user, Picture.Purpose.REVIEW)]
    with pytest.raises(Invalid):
        flow.say(aftersale=case, author="customer", text="看", pictures=wrong, now=world.now())
    many = [kept(order.user) for _n in range(7)]
    with pytest.raises(Invalid):
        flow.say(aftersale=case, author="customer", text="看", pictures=many, now=world.now())
    assert Evidence.objects.count() == 1
    flow.withdraw(aftersale=case, actor="user:U1", now=world.now())
    with pytest.raises(Conflict):
        flow.say(aftersale=case, author="supplier", text="再见", now=world.now())


@pytest.mark.parametrize("what", ["svg", "html behind a picture", "png bomb", "webp bomb", "moving gif", "half a jpeg"])
def test_every_side_is_refused_what_is_no_picture(order: Order, what: str) -> None:
    case = opened(order)
    su, yun = browser(order.user), browser(world.person("云姐 Yun"))
    mine = su.post(f"/after-sales/{case.number}/say/", {"text": "看", "images": [sent(REFUSED[what])]})
    assert mine.status_code == 422 and "a.jpg: " in mine.content.decode()
    desk = reverse("supplier:aftersales_aftersale_act_say", args=[case.pk])
    assert yun.post(desk, {"text": "看", "photos": [sent(REFUSED[what])]}).status_code == 400
    assert Evidence.objects.count() == 1 and not Picture.objects.exists()


# --- whose eyes -----------------------------------------------------------------------------------


def test_only_the_people_of_the_case_see_its_photos(order: Order, staff: User, media_folder: Path) -> None:
    case = opened(order, pictures=[kept(order.user)])
    (picture,) = Picture.objects.all()
    mine = f"/after-sales/{case.number}/pictures/{picture.number}/"
    assert browser(order.user).get(mine).status_code == 404  # not drawn yet
    run_due(rounds_max=2)
    picture.refresh_from_db()
    assert {name.split("/")[0] for name in files_in(media_folder)} == {"private"}

    desk = reverse("supplier:aftersales_aftersale_picture", args=[case.pk, picture.number])
    office = reverse("admin:aftersales_aftersale_picture", args=[case.pk, picture.number])
    phone = f"/api/v1/aftersales/{case.number}/pictures/{picture.number}/"
    for reader, address in (
        (browser(order.user), mine),
        (browser(order.user), f"{mine}?size=small"),
        (browser(world.person("云姐 Yun")), desk),
        (browser(staff), office),
    ):
        answer = reader.get(address)
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp"), address
        assert answer["Cache-Control"].startswith("no-store, private")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer.content[:4] == b"RIFF"

    world.yangshan()
    zhou, yang = world.customer("周 Zhou"), world.person("阳叔 Yang")
    theirs = opened(received_by(zhou))
    for reader, address in (
        (browser(), mine),
        (browser(zhou), mine),
        (browser(staff), mine),
        (browser(zhou), f"/after-sales/{theirs.number}/pictures/{picture.number}/"),
        (browser(yang), desk),
        (browser(order.user), desk),
        (browser(world.person("云姐 Yun")), office),
        (browser(order.user), f"/media/{picture.file}"),
        (browser(order.user), f"/media/../private/{picture.file}"),
    ):
        answer = reader.get(address)
        assert answer.status_code in (302, 400, 403, 404), address
        assert b"RIFF" not in answer.content
    for caller, status in ((Caller(), 401), (Caller(zhou), 404), (Caller(order.user), 200)):
        assert caller.client.get(phone, headers=caller.headers).status_code == status


def received_by(user: User) -> Order:
    order = trade.bought((world.product(world.yangshan(), "阳山水蜜桃", supply_fen=0), 1), name=user.name)
    trade.ship(order)
    trade.receive(order)
    return order


def test_a_picture_somebody_else_sent_cannot_be_used(order: Order) -> None:
    zhou = kept(world.person("周 Zhou"))
    phone = Caller(order.user)
    wish = {"order": order.number, "line": 1, "kind": "refund_only", "reason": "damaged", "quantity": 1}
    refused(phone.post("aftersales/", wish | {"pictures": [zhou.number]}, key=new_key()), 400, field="pictures")
    own = kept(order.user)
    case = told(phone.post("aftersales/", wish | {"pictures": [own.number]}, key=new_key()), 201)
    assert [len(row["photos"]) for row in case["evidence"]] == [1]


# --- the amount -----------------------------------------------------------------------------------


def test_the_amount_is_explained_line_by_line_and_stays_as_it_was(order: Order) -> None:
    case = opened(order, quantity=2)
    lines = [(line.text, line.fen) for line in explain_case(case)]
    assert lines == [
        ("3 件实付", 15_000),
        ("商品：3 件中的 2 件", 10_000),
        ("运费", 0),
        ("退给您", 10_000),
    ]
    flow.agree(aftersale=case, actor=YUN, now=world.now())
    trade.arrives(Refund.objects.get())
    case.refresh_from_db()
    assert [(line.text, line.fen) for line in explain_case(case)] == lines
    rest = opened(order, quantity=1)
    assert [(line.text, line.fen) for line in explain_case(rest)] == [
        ("3 件实付", 15_000),
        ("此前已退（2 件）", -10_000),
        ("商品：1 件中的 1 件", 5_000),
        ("运费", order.freight_fen),
        ("退给您", 5_000 + order.freight_fen),
    ]
    assert (rest.amount_fen, rest.freight_fen) == (5_000 + order.freight_fen, order.freight_fen)


@pytest.mark.parametrize(
    ("quantity", "reason", "rule"),
    [
        (1, "damaged", FreightRule.NOT_LAST),
        (3, "damaged", FreightRule.SUPPLIERS_FAULT),
        (3, "no_reason", FreightRule.DELIVERED),
        (0, "quality", FreightRule.SUPPLIERS_FAULT),
    ],
)
def test_why_freight_goes_back_or_not(order: Order, quantity: int, reason: str, rule: FreightRule) -> None:
    (line,) = trade.lines(order)
    proposal = propose(line, quantity=quantity, reason=reason)
    assert proposal.freight_rule == rule
    assert (proposal.freight_fen > 0) == (rule == FreightRule.SUPPLIERS_FAULT)


def test_the_amount_is_shown_before_anything_is_sent(order: Order) -> None:
    su, page = browser(order.user), f"/orders/{order.number}/lines/1/after-sale/"
    assert "¥150.00" in su.get(page).content.decode()
    part = su.get(f"{page}amount/?quantity=2&reason=damaged").content.decode()
    assert "¥100.00" in part and "<html" not in part
    for nonsense in ("quantity=9999999&reason=x", "quantity=-1", ""):
        assert su.get(f"{page}amount/?{nonsense}").status_code == 200
    worked = su.post(page, {"kind": "refund_only", "reason": "damaged", "quantity": "1", "work_out": "yes"})
    assert worked.status_code == 200 and "¥50.00" in worked.content.decode()
    assert not AfterSale.objects.exists()
    assert browser(world.customer("周 Zhou")).get(f"{page}amount/?quantity=2&reason=damaged").status_code == 404
    phone = Caller(order.user)
    asked = f"aftersales/proposal/?order={order.number}&line=1&reason=damaged"
    assert told(phone.get(f"{asked}&quantity=2"))["amount_fen"] == 10_000
    refused(phone.get(f"{asked}&quantity=4"), 400, field="quantity")
    refused(Caller(world.person("周 Zhou")).get(f"{asked}&quantity=1"), 404)


# --- script stays text ----------------------------------------------------------------------------


def test_thirty_payloads_stay_text_on_every_page_of_a_case(order: Order, staff: User) -> None:
    texts = ["\n".join(PAYLOADS[start : start + 10]) for start in (0, 10, 20)]
    case = opened(order, text=texts[0])
    flow.say(aftersale=case, author="supplier", text=texts[1], now=world.now())
    flow.say(aftersale=case, author="platform", text=texts[2], now=world.now())
    pages: list[tuple[Callable[..., object], str]] = [
        (browser(order.user).get, f"/after-sales/{case.number}/"),
        (browser(order.user).get, f"/after-sales/{case.number}/thread/"),
        (browser(order.user).get, "/me/messages/"),
        (browser(world.person("云姐 Yun")).get, reverse("supplier:aftersales_aftersale_change", args=[case.pk])),
        (browser(staff).get, reverse("admin:aftersales_aftersale_change", args=[case.pk])),
    ]
    for get, address in pages:
        shown = get(address).content.decode()  # type: ignore[attr-defined]
        assert "pwned" in shown, address
        assert [payload for payload in PAYLOADS if "<" in payload and payload in shown] == [], address
        assert '" onmouseover="pwned' not in shown and 'x" x-init="pwned' not in shown
