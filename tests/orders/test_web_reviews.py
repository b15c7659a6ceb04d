"""Reviews on pages and through the API: read by everybody, written by who received the goods."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from orders.lifecycle.models import Order
from orders.reviews import actions
from orders.reviews.models import Review
from shop.accounts.models import User
from shop.catalogue.models import Product
from shop.media.models import Picture
from shop.work.models import Due
from shop.work.sweep import run_due
from tests import world
from tests.asking import Caller, new_key, refused, told
from tests.orders import trade
from tests.payloads import PAYLOADS
from tests.standing import standing
from tests.uploads import REFUSED, photo, picture

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def received(django_db_setup: None, django_db_blocker: Any) -> Iterator[int]:
    """苏 has received a tea; the key of her order, which stands for all tests here."""
    with standing(django_db_blocker):
        bought = trade.bought((world.product(world.yunling(), "云岭白茶"), 1))
        trade.ship(bought)
        trade.receive(bought)
        yield bought.pk


@pytest.fixture
def order(received: int, db: None) -> Order:
    return Order.objects.get(pk=received)


@pytest.fixture
def tea(order: Order) -> Product:
    return trade.lines(order)[0].product


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def sent(name: str = "tea.jpg", data: bytes = b"") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data or photo(600, 400), content_type="image/jpeg")


FORM = {"stars": "5", "service_stars": "4", "text": "很香，\n包装也好"}


def test_a_review_is_written_read_and_answered(order: Order, tea: Product) -> None:
    su, page = signed_in(order.user), f"/orders/{order.number}/lines/1/review/"
    assert page in su.get(f"/orders/{order.number}/").content.decode()
    assert page in su.get("/reviews/").content.decode()
    assert "checked" not in su.get(page).content.decode().split("stars-input")[1].split("</fieldset>")[0]

    answer = su.post(page, FORM | {"images": [sent(), sent("b.png", picture())]})
    assert (answer.status_code, answer["Location"]) == (302, "/reviews/")
    waiting = Client().get(f"/p/{tea.number}/reviews/").content.decode()
    assert waiting.count("图片生成中") == 2
    run_due(rounds_max=2)

    for address in (f"/p/{tea.number}/reviews/", f"/p/{tea.number}/reviews/part/", "/reviews/?show=written"):
        text = (su if "written" in address else Client()).get(address).content.decode()
        assert "很香，\n包装也好" in text and "苏**" in text and "苏 Su" not in text.split("<main")[-1]
        assert text.count("data-photo ") == 2, address
        numbers = Picture.objects.order_by("pk").values_list("number", flat=True)
        assert [f"/media/review/{number[:2]}/{number}-400.webp 400w" in text for number in numbers] == [False, False]
        assert f'srcset="/media/review/{numbers[0][:2]}/{numbers[0]}-400.webp 267w' in text
    assert "5.0" in Client().get(f"/p/{tea.number}/reviews/part/").content.decode()
    # Nothing of it stands in the product's own page: that one is the same for everybody and names an address.
    product_page = Client().get(f"/p/{tea.number}/").content.decode()
    assert "很香" not in product_page and f'hx-get="/p/{tea.number}/reviews/part/"' in product_page

    yun = signed_in(world.person("云姐 Yun"))
    review = Review.objects.get()
    desk = reverse("supplier:reviews_review_change", args=[review.pk])
    assert "-400.webp" in yun.get(desk).content.decode()
    assert yun.post(f"{desk.removesuffix('change/')}act/answer/", {"text": "谢谢您"}).status_code == 302
    assert "谢谢您" in Client().get(f"/p/{tea.number}/reviews/").content.decode()
    # Once.
    assert yun.post(f"{desk.removesuffix('change/')}act/answer/", {"text": "再来"}).status_code == 400


def test_a_refused_form_keeps_its_fair_pictures(order: Order) -> None:
    su, page = signed_in(order.user), f"/orders/{order.number}/lines/1/review/"
    files = [sent("a.jpg"), sent("evil.svg", b"<svg onload='x()'/>")]
    answer = su.post(page, {"text": "很香", "images": files})
    text = answer.content.decode()
    assert (answer.status_code, Review.objects.count()) == (200, 0)
    assert "evil.svg" in text and "请选择一到五星" in text
    (kept,) = Picture.objects.all()
    assert f'name="picture" value="{kept.number}"' in text

    assert su.post(page, FORM | {"picture": [kept.number]}).status_code == 302
    assert [row.picture for row in Review.objects.get().photos.all()] == [kept]


@pytest.mark.parametrize("what", [name for name in REFUSED if name not in ("nothing", "eleven megabytes")])
def test_the_form_refuses_what_is_no_picture(order: Order, what: str) -> None:
    answer = signed_in(order.user).post(
        f"/orders/{order.number}/lines/1/review/", FORM | {"images": [sent("photo.jpg", REFUSED[what])]}
    )
    assert answer.status_code == 200
    assert "photo.jpg: " in answer.content.decode()
    assert not Review.objects.exists() and not Picture.objects.exists()


def test_pages_narrow_and_go_on(order: Order, tea: Product) -> None:
    line = order.lines.get()
    people = [world.customer(f"邻居{n}") for n in range(14)]
    for n, person in enumerate(people):
        bought = trade.bought((tea, 1), name=person.name)
        trade.ship(bought)
        trade.receive(bought)
        actions.write_review(
            user=person,
            order_number=bought.number,
            line=1,
            stars=3 + n % 2,
            service_stars=5,
            text=f"话{n:02d}",
            now=world.now(),
        )
    assert line.order.user != people[0]
    first = Client().get(f"/p/{tea.number}/reviews/").content.decode()
    assert [f"话{n:02d}" in first for n in (13, 2, 1)] == [True, True, False]
    last = Review.objects.order_by("-pk")[11].pk
    more = Client().get(f"/p/{tea.number}/reviews/?after={last}", headers={"HX-Request": "true"}).content.decode()
    assert ("话01" in more, "话02" in more, "<html" in more) == (True, False, False)
    threes = Client().get(f"/p/{tea.number}/reviews/?show=3").content.decode()
    assert ("话12" in threes, "话13" in threes) == (True, False)
    assert Client().get(f"/p/{tea.number}/reviews/?show=nonsense&after=x").status_code == 200


def test_strangers_and_second_tries_lead_nowhere(order: Order) -> None:
    zhou = signed_in(world.customer("周 Zhou"))
    page = f"/orders/{order.number}/lines/1/review/"
    assert (zhou.get(page).status_code, zhou.post(page, FORM).status_code) == (404, 302)
    assert not Review.objects.exists()
    su = signed_in(order.user)
    su.post(page, FORM)
    assert su.post(page, FORM)["Location"] == "/reviews/"
    review = Review.objects.get()
    assert zhou.get(f"/reviews/{review.number}/add/").status_code == 404
    early = su.post(f"/reviews/{review.number}/add/", {"text": "嗯"})
    assert (early.status_code, early["Location"]) == (302, "/reviews/?show=written")
    Review.objects.filter(pk=review.pk).update(written_at=world.now() - timedelta(days=31))
    assert su.post(f"/reviews/{review.number}/add/", {"text": "还是很香"}).status_code == 302
    assert "31 天后追评" in su.get("/reviews/?show=written").content.decode()


def test_thirty_payloads_stay_text_wherever_a_review_is_shown(order: Order, tea: Product) -> None:
    text, answer, added = ("\n".join(PAYLOADS[start : start + 10]) for start in (0, 10, 20))
    su = signed_in(order.user)
    assert su.post(f"/orders/{order.number}/lines/1/review/", FORM | {"text": text}).status_code == 302
    review = Review.objects.get()
    Review.objects.filter(pk=review.pk).update(written_at=world.now() - timedelta(days=40))
    actions.answer_review(review=review, text=answer, now=world.now())
    su.post(f"/reviews/{review.number}/add/", {"text": added})
    Due.objects.update(due_at=world.now())
    staff = signed_in(User.objects.create_superuser("13800000099", "staff-and-tea-8", name="客服"))
    yun = signed_in(world.person("云姐 Yun"))
    for reader, address in (
        (Client(), f"/p/{tea.number}/reviews/"),
        (Client(), f"/p/{tea.number}/reviews/part/"),
        (su, "/reviews/?show=written"),
        (su, f"/reviews/{review.number}/add/"),
        (su, "/me/messages/"),
        (yun, reverse("supplier:reviews_review_changelist")),
        (yun, reverse("supplier:reviews_review_change", args=[review.pk])),
        (staff, reverse("admin:reviews_review_changelist")),
        (staff, reverse("admin:reviews_review_change", args=[review.pk])),
    ):
        page = reader.get(address)
        shown = page.content.decode()
        assert page.status_code == 200 and "pwned" in shown, address
        assert [payload for payload in PAYLOADS if "<" in payload and payload in shown] == [], address
        assert '" onmouseover="pwned' not in shown and "' onmouseover='pwned" not in shown
        assert 'x" x-init="pwned' not in shown


# --- the mini-program -----------------------------------------------------------------------------


def upload(phone: Caller, data: bytes = b"", *, purpose: str = "review") -> Any:
    form = {"purpose": purpose, "file": sent("a.jpg", data)}
    return phone.client.post("/api/v1/uploads/", form, headers=phone.headers)


def test_a_mini_program_sends_pictures_one_by_one_and_writes(order: Order, tea: Product) -> None:
    phone = Caller(order.user)
    (waits,) = told(phone.get("reviews/waiting/"))["results"]
    assert (waits["order"], waits["line"], waits["title"]) == (order.number, 1, "云岭白茶")
    first, second = (told(upload(phone), 201) for _n in range(2))
    assert (first["width"], first["height"]) == (400, 600)
    body = {
        "order": order.number, "line": 1, "stars": 4, "service_stars": 5, "text": "好喝",
        "pictures": [second["number"], first["number"]],
    }  # fmt: skip
    key = new_key()
    written = told(phone.post("reviews/", body, key=key), 201)
    assert told(phone.post("reviews/", body, key=key), 201) == written
    assert [(photo["large"], photo["width"]) for photo in written["photos"]] == [("", 400), ("", 400)]
    run_due(rounds_max=2)

    anybody = Caller()
    (shown,) = told(anybody.get(f"products/{tea.number}/reviews/?show=photos"))["results"]
    assert (shown["author"], shown["stars"], shown["text"]) == ("苏***", 4, "好喝")
    assert second["number"] in shown["photos"][0]["small"] and first["number"] in shown["photos"][1]["large"]
    rating = told(anybody.get(f"products/{tea.number}/rating/"))
    assert (rating["count"], rating["average_tenths"], rating["service_average_tenths"]) == (1, 40, 50)
    assert [row["number"] for row in told(phone.get("reviews/"))["results"]] == [written["number"]]

    refused(phone.post(f"reviews/{written['number']}/follow-up/", {"text": "嗯"}), 409, "too_early")
    refused(Caller(world.person("周 Zhou")).post(f"reviews/{written['number']}/follow-up/", {"text": "嗯"}), 404)
    refused(phone.post("reviews/", body | {"pictures": []}, key=new_key()), 409, "already_reviewed")
    refused(anybody.get(f"products/{tea.number}/reviews/?show=best"), 400, field="show")


@pytest.mark.parametrize("what", [name for name in REFUSED if name != "nothing"])
def test_the_api_refuses_what_is_no_picture(order: Order, what: str) -> None:
    refused(upload(Caller(order.user), REFUSED[what]), 400, field="file")
    assert not Picture.objects.exists()


def test_pictures_are_the_senders_own_and_for_their_purpose(order: Order) -> None:
    su, zhou = Caller(order.user), Caller(world.customer("周 Zhou"))
    body = {"order": order.number, "line": 1, "stars": 4, "service_stars": 5}
    for number in (
        told(upload(zhou), 201)["number"],
        told(upload(su, purpose="evidence"), 201)["number"],
        "nosuchpicture",
    ):
        refused(su.post("reviews/", body | {"pictures": [number]}, key=new_key()), 400, field="pictures")
    refused(upload(su, purpose="product"), 400, field="purpose")
    assert not Review.objects.exists()
