"""What buyers say: who may, once, how the stars add up, what is hidden, and what suppliers answer."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Count

from orders.lifecycle.models import Order
from orders.reviews import actions, queries
from orders.reviews.models import FollowUp, ProductRating, Review
from orders.reviews.rules import Rating
from shop.accounts.actions import sign_in_with_wechat
from shop.accounts.models import User
from shop.base.errors import Conflict, Invalid, NotFound
from shop.catalogue.models import Product
from shop.media import actions as media
from shop.media.models import Picture
from shop.notifications.models import Notification
from shop.states.models import StateChange
from shop.work.models import Due
from shop.work.sweep import run_due
from tests import world
from tests.orders import trade
from tests.uploads import files_in, photo

pytestmark = pytest.mark.django_db
LATER = timedelta(days=30)


@pytest.fixture
def tea() -> Product:
    return world.product(world.yunling(), "云岭白茶")


def received(tea: Product, name: str = "苏 Su") -> Order:
    order = trade.bought((tea, 1), name=name)
    trade.ship(order)
    trade.receive(order)
    return order


def write(order: Order, **more: Any) -> Review:
    facts = {"line": 1, "stars": 5, "service_stars": 4, "text": "很香", "now": world.now()}
    return actions.write_review(user=order.user, order_number=order.number, **(facts | more))


def kept(user: User, data: bytes = b"") -> Picture:
    purpose = Picture.Purpose.REVIEW
    return media.keep(data=data or photo(400, 300), purpose=purpose, uploader=user, now=world.now())


def work() -> None:
    """Do everything that was ever planned."""
    Due.objects.update(due_at=world.now())
    run_due(rounds_max=3)


def counters_hold(product: Product) -> Rating:
    """The counters are what counting the shown reviews gives."""
    shown = Review.objects.filter(product=product, state="shown")
    counted = dict(shown.values_list("stars").annotate(n=Count("pk")))
    rating = queries.rating_of(product)
    assert {stars: n for stars, n in rating.counts.items() if n} == counted
    assert rating.photos == shown.filter(photo_count__gt=0).count()
    assert rating.follow_ups == shown.filter(followed_up_at__isnull=False).count()
    return rating


# --- who may say what -----------------------------------------------------------------------------


def test_who_received_it_says_what_it_is_like(tea: Product) -> None:
    order = received(tea)
    assert [line.order for line in queries.waiting_lines(order.user)] == [order]

    review = write(order, pictures=[kept(order.user)])

    assert list(queries.waiting_lines(order.user)) == []
    (found,) = queries.shown_reviews(tea)
    assert (found, found.stars, found.service_stars, found.photo_count) == (review, 5, 4, 1)
    yun = world.person("云姐 Yun")
    assert list(Notification.objects.filter(user=yun, kind="review_written").values_list("facts", flat=True)) == [
        {"product": "云岭白茶", "stars": 5}
    ]


def test_nobody_reviews_what_has_not_arrived_or_is_not_hers(tea: Product) -> None:
    order = trade.bought((tea, 1))
    trade.ship(order)
    with pytest.raises(actions.NotReceived):
        write(order)
    trade.receive(order)
    with pytest.raises(NotFound):
        write(order, line=2)
    with pytest.raises(NotFound):
        actions.write_review(
            user=world.customer("周 Zhou"),
            order_number=order.number,
            line=1,
            stars=1,
            service_stars=1,
            now=world.now(),
        )
    assert not Review.objects.exists() and not ProductRating.objects.exists()


def test_there_is_one_review_per_line_and_the_database_says_so(tea: Product) -> None:
    order = received(tea)
    review = write(order)
    with pytest.raises(actions.AlreadyReviewed):
        write(order, stars=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Review.objects.create(
            order=order,
            order_line=review.order_line,
            product=tea,
            supplier=tea.supplier,
            user=order.user,
            stars=1,
            service_stars=1,
            written_at=world.now(),
        )
    assert counters_hold(tea).counts[5] == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"stars": 0}, "stars"),
        ({"stars": 6}, "stars"),
        ({"service_stars": -1}, "service_stars"),
        ({"text": "x" * 501}, "text"),
    ],
)
def test_bad_input_names_its_field(tea: Product, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        write(received(tea), **wrong)
    assert refusal.value.field == field
    assert not Review.objects.exists()


def test_seven_photos_are_too_many_and_a_used_one_is_refused(tea: Product) -> None:
    order = received(tea)
    with pytest.raises(Invalid):
        write(order, pictures=[kept(order.user) for _n in range(7)])
    used = kept(order.user)
    write(order, pictures=[used])
    with pytest.raises(Invalid):
        write(received(tea, "周 Zhou"), pictures=[used])
    assert Review.objects.count() == 1


def test_nothing_is_praised_by_itself(tea: Product) -> None:
    """Silence is no review, however much time passes."""
    order = trade.bought((tea, 1))
    trade.complete(order)
    Due.objects.update(due_at=world.now())
    run_due(rounds_max=5)
    assert not Review.objects.exists()


def test_the_database_keeps_what_was_said(tea: Product) -> None:
    review = write(received(tea))
    with pytest.raises(DatabaseError), transaction.atomic():
        Review.objects.filter(pk=review.pk).update(stars=1)
    with pytest.raises(DatabaseError), transaction.atomic():
        Review.objects.filter(pk=review.pk).update(state="praised")


# --- stars ----------------------------------------------------------------------------------------


def test_stars_add_up_and_supplier_and_goods_are_told_apart(tea: Product) -> None:
    for name, stars, service in (("苏 Su", 5, 1), ("周 Zhou", 4, 1), ("林 Lin", 4, 3)):
        write(received(tea, name), stars=stars, service_stars=service)
    rating = counters_hold(tea)
    assert (rating.count, rating.average, rating.good_percent) == (3, "4.3", 100)
    assert [(share.stars, share.count, share.percent) for share in rating.shares] == [
        (5, 1, 33), (4, 2, 66), (3, 0, 0), (2, 0, 0), (1, 0, 0),
    ]  # fmt: skip
    assert queries.service_rating_of(tea.supplier).average == "1.7"


@pytest.mark.parametrize(
    ("counts", "average"),
    [({}, "0.0"), ({5: 3}, "5.0"), ({5: 1, 4: 1}, "4.5"), ({5: 19, 1: 1}, "4.8"), ({1: 2}, "1.0")],
)
def test_averages_are_rounded_to_tenths(counts: dict[int, int], average: str) -> None:
    assert Rating(counts).average == average


def test_reviews_can_be_narrowed(tea: Product) -> None:
    plain = write(received(tea), stars=2)
    shown = write(received(tea, "周 Zhou"), pictures=[kept(world.person("周 Zhou"))])
    actions.add_follow_up(user=plain.user, number=plain.number, text="还行", now=plain.written_at + LATER)
    wanted = {"all": [shown, plain], "photos": [shown], "follow_ups": [plain], "5": [shown], "2": [plain], "3": []}
    assert {show: list(queries.shown_reviews(tea, show=show)) for show in wanted} == wanted


# --- afterwards -----------------------------------------------------------------------------------


def test_something_is_added_once_after_thirty_days(tea: Product) -> None:
    review = write(received(tea))
    with pytest.raises(actions.TooEarly):
        actions.add_follow_up(
            user=review.user, number=review.number, text="坏了", now=review.written_at + LATER - timedelta(seconds=1)
        )
    with pytest.raises(NotFound):
        actions.add_follow_up(
            user=world.person("周 Zhou"), number=review.number, text="坏了", now=review.written_at + LATER
        )
    photos = [kept(review.user)]
    when = review.written_at + LATER
    actions.add_follow_up(user=review.user, number=review.number, text="还是很香", pictures=photos, now=when)
    with pytest.raises(actions.AlreadyReviewed):
        actions.add_follow_up(user=review.user, number=review.number, text="又", now=when)
    assert counters_hold(tea).follow_ups == 1
    assert FollowUp.objects.get().photos.count() == 1


def test_the_supplier_answers_once(tea: Product) -> None:
    review = write(received(tea))
    actions.answer_review(review=review, text="谢谢您", now=world.now())
    with pytest.raises(Conflict):
        actions.answer_review(review=review, text="再说一句", now=world.now())
    review.refresh_from_db()
    assert review.answer == "谢谢您"
    assert Notification.objects.filter(user=review.user, kind="review_answered").count() == 1


def test_what_staff_hides_leaves_pages_stars_and_public_addresses(tea: Product, media_folder: Path) -> None:
    review = write(received(tea), pictures=[kept(world.person("苏 Su"))])
    when = review.written_at + LATER
    more = [kept(review.user)]
    actions.add_follow_up(user=review.user, number=review.number, text="嗯", pictures=more, now=when)
    work()
    assert {name.split("/")[0] for name in files_in(media_folder)} == {"public"}

    with pytest.raises(Invalid):
        actions.hide_review(review=review, reason=" ", actor=world.STAFF, now=world.now())
    actions.hide_review(review=review, reason="骂人", actor=world.STAFF, now=world.now())
    work()
    assert list(queries.shown_reviews(tea)) == [] and counters_hold(tea).count == 0
    assert {name.split("/")[0] for name in files_in(media_folder)} == {"private"}
    assert Notification.objects.get(user=review.user, kind="review_hidden").facts["reason"] == "骂人"
    # Its author still reads it, and why nobody else does.
    assert [row.hidden_reason for row in queries.reviews_of(review.user)] == ["骂人"]

    review.refresh_from_db()
    actions.show_review(review=review, actor=world.STAFF, now=world.now())
    work()
    rating = counters_hold(tea)
    assert (rating.count, rating.photos, rating.follow_ups) == (1, 1, 1)
    assert {name.split("/")[0] for name in files_in(media_folder)} == {"public"}
    changes = StateChange.objects.filter(subject=f"review:{review.number}").order_by("pk")
    assert list(changes.values_list("target", "actor", "reason")) == [
        ("hidden", world.STAFF, "骂人"),
        ("shown", world.STAFF, ""),
    ]


def test_only_what_was_added_can_be_hidden(tea: Product) -> None:
    review = write(received(tea))
    with pytest.raises(Conflict):
        actions.hide_follow_up(review=review, reason="广告", actor=world.STAFF, now=world.now())
    actions.add_follow_up(user=review.user, number=review.number, text="加微信", now=review.written_at + LATER)
    actions.hide_follow_up(review=review, reason="广告", actor=world.STAFF, now=world.now())
    (shown,) = queries.shown_reviews(tea)
    assert queries.shown_follow_up(shown) is None
    assert counters_hold(tea).follow_ups == 0


# --- WeChat's content check -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "verdict", "state"),
    [("很香", "pass", "shown"), ("这是违规内容", "risky", "hidden"), ("待审内容", "review", "shown")],
)
def test_wechat_judges_what_a_mini_program_user_wrote(
    tea: Product, sandbox: Any, text: str, verdict: str, state: str
) -> None:
    su = world.customer("苏 Su")
    sign_in_with_wechat(app_id="wx0000linjiasandbox", openid=sandbox.openid_of("su"), phone=su.phone)
    review = write(received(tea), text=text)
    run_due(rounds_max=2)
    review.refresh_from_db()
    assert (review.verdict, review.state) == (verdict, state)
    assert counters_hold(tea).count == (1 if state == "shown" else 0)
    if state == "shown":
        actions.add_follow_up(user=su, number=review.number, text="违规内容", now=review.written_at + LATER)
        Due.objects.update(due_at=world.now())
        run_due(rounds_max=2)
        assert FollowUp.objects.get().state == "hidden"


def test_who_never_came_through_wechat_is_not_judged(tea: Product) -> None:
    review = write(received(tea), text="违规内容")
    run_due(rounds_max=2)
    review.refresh_from_db()
    assert (review.verdict, review.state) == ("", "shown")
    assert not Due.objects.exclude(state="done").filter(what="review.check").exists()


def test_a_silent_wechat_is_asked_again(tea: Product, settings: Any) -> None:
    su = world.customer("苏 Su")
    sign_in_with_wechat(app_id="wx0000linjiasandbox", openid="o-su", phone=su.phone)
    write(received(tea))
    settings.LINJIA_SANDBOX_URL = "http://127.0.0.1:1"
    run_due(rounds_max=1)
    due = Due.objects.get(what="review.check")
    assert (due.state, due.attempts) == ("open", 1)
