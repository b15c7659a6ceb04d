"""Reviews: what is said about a product, what I wrote, what waits for my word."""

import json
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from orders.reviews import actions, queries
from orders.reviews.models import Review
from orders.reviews.queries import SHOWS
from orders.reviews.rules import PHOTOS_MAX, TEXT_LENGTH_MAX, author_name
from orders.reviews.states import ReviewState
from shop.accounts.models import User
from shop.api.asked import choice
from shop.api.auth import caller
from shop.api.describing import OpenApiParameter, extend_schema
from shop.api.idempotency import HEADER, answer_once
from shop.api.pagination import PAGING, page_of, paged
from shop.api.throttles import limited
from shop.catalogue.queries import product_for_sale
from shop.media.models import Picture
from shop.media.queries import own_pictures, photo_of


class PhotoOutput(serializers.Serializer[Any]):
    large = serializers.CharField(help_text="800 px WebP; empty while it is being drawn.")
    small = serializers.CharField(help_text="400 px WebP; empty while it is being drawn.")
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class FollowUpOutput(serializers.Serializer[Any]):
    text = serializers.CharField()
    written_at = serializers.DateTimeField()
    photos = PhotoOutput(many=True)


class ReviewOutput(serializers.Serializer[Any]):
    number = serializers.CharField()
    author = serializers.CharField(help_text="The first character of the name.")
    stars = serializers.IntegerField()
    service_stars = serializers.IntegerField()
    text = serializers.CharField()
    option_text = serializers.CharField()
    written_at = serializers.DateTimeField()
    photos = PhotoOutput(many=True)
    answer = serializers.CharField(help_text="The supplier's, or empty.")
    follow_up = FollowUpOutput(allow_null=True)


class OwnReviewOutput(ReviewOutput):
    product = serializers.CharField()
    title = serializers.CharField()
    order = serializers.CharField()
    line = serializers.IntegerField()
    state = serializers.ChoiceField(choices=ReviewState.choices)
    hidden_reason = serializers.CharField()


class ShareOutput(serializers.Serializer[Any]):
    stars = serializers.IntegerField()
    count = serializers.IntegerField()
    percent = serializers.IntegerField()


class RatingOutput(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    average_tenths = serializers.IntegerField(help_text="47 is 4.7 stars; 0 without reviews.")
    good_percent = serializers.IntegerField(help_text="How many of a hundred gave four or five stars.")
    photos = serializers.IntegerField()
    follow_ups = serializers.IntegerField()
    shares = ShareOutput(many=True)
    service_average_tenths = serializers.IntegerField()


class WaitingOutput(serializers.Serializer[Any]):
    order = serializers.CharField(source="order.number")
    line = serializers.IntegerField()
    product = serializers.CharField(source="product.number")
    title = serializers.CharField()
    option_text = serializers.CharField()
    received_at = serializers.DateTimeField()


class PicturesInput(serializers.Serializer[None]):
    pictures = serializers.ListField(
        child=serializers.CharField(max_length=22),
        required=False,
        default=list,
        max_length=PHOTOS_MAX,
        help_text="Numbers from /uploads/.",
    )


class ReviewInput(PicturesInput):
    order = serializers.CharField(max_length=32)
    line = serializers.IntegerField(min_value=1, max_value=999)
    stars = serializers.IntegerField(min_value=1, max_value=5)
    service_stars = serializers.IntegerField(min_value=1, max_value=5)
    text = serializers.CharField(max_length=TEXT_LENGTH_MAX, required=False, default="", allow_blank=True)


class FollowUpInput(PicturesInput):
    text = serializers.CharField(max_length=TEXT_LENGTH_MAX)


@extend_schema(
    operation_id="products_reviews_list",
    parameters=[
        *PAGING,
        OpenApiParameter("show", str, enum=list(SHOWS), description="All, with photos, added to, or so many stars."),
    ],
    responses=paged(ReviewOutput),
)
@api_view(["GET"])
@permission_classes([AllowAny])
def product_review_list(request: Request, number: str) -> Response:
    """What buyers say about a product, newest first. The same for everybody."""
    show = choice(request, "show", SHOWS, default="all")
    page = page_of(queries.shown_reviews(product_for_sale(number), show=show), request)
    return page.answer([_facts(request, review) for review in page.rows])


@extend_schema(responses=RatingOutput)
@api_view(["GET"])
@permission_classes([AllowAny])
def product_rating(request: Request, number: str) -> Response:
    """A product's stars, summed up. The same for everybody."""
    product = product_for_sale(number)
    rating = queries.rating_of(product)
    service = queries.service_rating_of(product.supplier)
    shares = [{"stars": share.stars, "count": share.count, "percent": share.percent} for share in rating.shares]
    return Response(
        {
            "count": rating.count,
            "average_tenths": rating.average_tenths,
            "good_percent": rating.good_percent,
            "photos": rating.photos,
            "follow_ups": rating.follow_ups,
            "shares": shares,
            "service_average_tenths": service.average_tenths,
        }
    )


@extend_schema(methods=["GET"], operation_id="reviews_list", parameters=PAGING, responses=paged(OwnReviewOutput))
@extend_schema(methods=["POST"], parameters=[HEADER], request=ReviewInput, responses={201: OwnReviewOutput})
@limited("review")
@api_view(["GET", "POST"])
@permission_classes([IsAuthenticated])
def review_list(request: Request) -> Response:
    """My reviews, newest first; or write one about a line that has arrived."""
    if request.method == "POST":
        return answer_once(request, lambda: (201, _write(request)))
    page = page_of(queries.reviews_of(caller(request)), request)
    return page.answer([_own_facts(request, review) for review in page.rows])


@extend_schema(operation_id="reviews_waiting_list", parameters=PAGING, responses=paged(WaitingOutput))
@api_view(["GET"])
@permission_classes([IsAuthenticated])
def waiting_list(request: Request) -> Response:
    """What has arrived and waits for my review, newest first."""
    page = page_of(queries.waiting_lines(caller(request)), request)
    return page.answer(WaitingOutput(page.rows, many=True).data)


@extend_schema(request=FollowUpInput, responses={201: OwnReviewOutput})
@limited("review")
@api_view(["POST"])
@permission_classes([IsAuthenticated])
def review_follow_up(request: Request, number: str) -> Response:
    """Add to my review after some weeks of use; once."""
    user = caller(request)
    queries.review_of(user, number)
    form = FollowUpInput(data=request.data)
    form.is_valid(raise_exception=True)
    data = form.validated_data
    pictures = _pictures(user, data["pictures"])
    actions.add_follow_up(user=user, number=number, text=data["text"], pictures=pictures, now=timezone.now())
    return Response(_own_facts(request, queries.review_of(user, number)), status=201)


def _write(request: Request) -> dict[str, Any]:
    user = caller(request)
    form = ReviewInput(data=request.data)
    form.is_valid(raise_exception=True)
    data = form.validated_data
    review = actions.write_review(
        user=user,
        order_number=data["order"],
        line=data["line"],
        stars=data["stars"],
        service_stars=data["service_stars"],
        text=data["text"],
        pictures=_pictures(user, data["pictures"]),
        now=timezone.now(),
    )
    answer = _own_facts(request, queries.review_of(user, review.number))
    # The answer is kept under its key, so it is plain JSON.
    facts: dict[str, Any] = json.loads(JSONRenderer().render(answer))
    return facts


def _pictures(user: User, numbers: list[str]) -> list[Picture]:
    return own_pictures(user=user, numbers=numbers, purpose=Picture.Purpose.REVIEW)


def _facts(request: Request, review: Review) -> dict[str, Any]:
    added = queries.shown_follow_up(review)
    return {
        "number": review.number,
        "author": author_name(review.user.name),
        "stars": review.stars,
        "service_stars": review.service_stars,
        "text": review.text,
        "option_text": review.order_line.option_text,
        "written_at": review.written_at,
        "photos": _photos(request, review, None),
        "answer": review.answer,
        "follow_up": {
            "text": added.text,
            "written_at": added.written_at,
            "photos": _photos(request, review, added.pk),
        }
        if added
        else None,
    }


def _own_facts(request: Request, review: Review) -> dict[str, Any]:
    return _facts(request, review) | {
        "product": review.product.number,
        "title": review.order_line.title,
        "order": review.order.number,
        "line": review.order_line.line,
        "state": review.state,
        "hidden_reason": review.hidden_reason,
    }


def _photos(request: Request, review: Review, follow_up_id: int | None) -> list[dict[str, Any]]:
    found = [photo_of(row.picture) for row in review.photos.all() if row.follow_up_id == follow_up_id]
    return [
        {
            "large": request.build_absolute_uri(photo.url) if photo.url else "",
            "small": request.build_absolute_uri(photo.small) if photo.small else "",
            "width": photo.width,
            "height": photo.height,
        }
        for photo in found
    ]
