"""Reviews: what everybody reads about a product, and what a customer writes about what she received."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from orders.lifecycle.queries import line_of
from orders.reviews import actions, queries
from orders.reviews.models import Review
from orders.reviews.rules import follow_up_from
from orders.web.forms import FollowUpForm, ReviewForm
from orders.web.order_page import line_facts
from orders.web.review_page import OwnReview, own_review, review_card, tabs
from orders.web.uploads import chosen_pictures
from shop.base.errors import Conflict, DomainError
from shop.catalogue.models import Product
from shop.catalogue.queries import product_for_sale
from shop.media.models import Picture
from shop.web.access import CustomerRequest, customer_only, is_part, show_refusal, tell_refusal
from shop.web.product_page import more_url
from shop.web.shelf import stored_picture, stretch

ON_PRODUCT_PAGE = 3
PER_PAGE = 12


@require_safe
def product_reviews_part(request: HttpRequest, number: str) -> HttpResponse:
    """The reviews block of a product's page: stars summed up and the newest few. The same for everybody."""
    product = product_for_sale(number)
    context = {
        "product": product,
        "rating": queries.rating_of(product),
        "service": queries.service_rating_of(product.supplier),
        "reviews": [review_card(review) for review in queries.newest_shown(product, ON_PRODUCT_PAGE)],
    }
    return render(request, "storefront/parts/product_reviews.html", context)


@require_safe
def product_reviews(request: HttpRequest, number: str) -> HttpResponse:
    """All reviews of a product, narrowed and page by page. The same for everybody."""
    product: Product = product_for_sale(number)
    show = request.GET.get("show", "all")
    show = show if show in queries.SHOWS else "all"
    found, position = stretch(queries.shown_reviews(product, show=show), request.GET.get("after", ""), PER_PAGE)
    context: dict[str, Any] = {
        "reviews": [review_card(review) for review in found],
        "more_url": more_url(request, position),
        "end_text": _("That is all for now.") if request.GET.get("after") else "",
    }
    if is_part(request) and request.GET.get("after"):
        return render(request, "storefront/parts/reviews.html", context)
    rating = queries.rating_of(product)
    context |= {
        "section": "categories",
        "product": product,
        "rating": rating,
        "service": queries.service_rating_of(product.supplier),
        "tabs": tabs(rating, show),
    }
    return render(request, "storefront/reviews.html", context)


@require_safe
@customer_only
def my_reviews(request: CustomerRequest) -> HttpResponse:
    """What waits for a review, and what was written."""
    is_waiting = request.GET.get("show") != "written"
    context: dict[str, Any] = {"section": "me", "is_waiting": is_waiting}
    if is_waiting:
        lines, position = stretch(queries.waiting_lines(request.user), request.GET.get("after", ""))
        context["lines"] = [(line.order.number, line_facts(line), line.received_at) for line in lines]
    else:
        rows, position = stretch(queries.reviews_of(request.user), request.GET.get("after", ""))
        context["reviews"] = [_own(review) for review in rows]
    context["more_url"] = more_url(request, position)
    part = is_part(request) and request.GET.get("after")
    return render(request, "storefront/parts/my_reviews.html" if part else "storefront/my_reviews.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@customer_only
def review_new(request: CustomerRequest, number: str, line: int) -> HttpResponse:
    """Say what a received line was like."""
    order_line = line_of(request.user, number, line)
    if order_line.received_at is None or hasattr(order_line, "review"):
        # A second tab, or a link kept too long: the list says what there is to write about.
        messages.info(request, _("There is nothing to review here any more."))
        return redirect("my-reviews")
    form = ReviewForm(request.POST or None)
    pictures = chosen_pictures(request, form, Picture.Purpose.REVIEW)
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        try:
            actions.write_review(
                user=request.user,
                order_number=number,
                line=line,
                stars=facts["stars"],
                service_stars=facts["service_stars"],
                text=facts["text"],
                pictures=pictures,
                now=timezone.now(),
            )
        except DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, _("Thank you. Your neighbours will read it."))
            return redirect("my-reviews")
    context = {"section": "orders", "order": order_line.order, "line": line_facts(order_line), "form": form}
    return render(request, "storefront/review_new.html", context | {"kept": pictures})


@require_http_methods(["GET", "HEAD", "POST"])
@customer_only
def review_add(request: CustomerRequest, number: str) -> HttpResponse:
    """Add to one's own review after some weeks of use."""
    review = queries.review_of(request.user, number)
    form = FollowUpForm(request.POST or None)
    pictures = chosen_pictures(request, form, Picture.Purpose.REVIEW)
    if request.method == "POST" and form.is_valid():
        text = form.cleaned_data["text"]
        try:
            actions.add_follow_up(user=request.user, number=number, text=text, pictures=pictures, now=timezone.now())
        except Conflict as error:
            return tell_refusal(request, error, reverse("my-reviews") + "?show=written")
        except DomainError as error:
            show_refusal(form, error)
        else:
            messages.success(request, _("Thank you. Your neighbours will read it."))
            return redirect(reverse("my-reviews") + "?show=written")
    context = {"section": "me", "own": _own(review), "form": form, "kept": pictures}
    return render(request, "storefront/review_add.html", context)


def _own(review: Review) -> OwnReview:
    add_from = follow_up_from(review.written_at, settings.LINJIA_REVIEW_FOLLOW_UP_DAYS)
    picture = stored_picture(review.order_line.image)
    return own_review(review, picture=picture, add_from=add_from, now=timezone.now())
