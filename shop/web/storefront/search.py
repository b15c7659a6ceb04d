"""Search: results, suggestions while typing, and what one searched for before."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

from shop.catalogue import searching
from shop.catalogue.rules import questions
from shop.interests import actions, queries
from shop.interests.rules import SEARCHES_MAX, WORDS_LENGTH_MAX, clean_words
from shop.pages import marks
from shop.pages.promises import same_for_all
from shop.web import shelf, sifting
from shop.web.access import is_part
from shop.web.product_page import list_context

# What a visitor searched for stays in her own browser.
HISTORY_COOKIE = "linjia_searches"
_HISTORY_SECONDS = 90 * 24 * 3600
_NEAR_MAX = 12


def _goods(_address: Mapping[str, str]) -> tuple[str, ...]:
    return (marks.GOODS,)


@same_for_all("q", "category", *sifting.PARAMS, shows=_goods)
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """What matches a few words; where nothing does, what comes near."""
    query = clean_words(request.GET.get("q", ""))
    ways = questions(query)
    sieve = sifting.sieve_of(request.GET)
    chosen, category_id, shelves = sifting.shelf_chosen(request.GET.get("category", ""))
    # Without words but with filters: everything that passes.
    is_start = not query and not sieve.is_narrow and category_id is None
    wish = sieve.wish(words=query, ways=ways if query or is_start else None, category_id=category_id)
    context = list_context(request, wish, sieve.order(has_words=bool(ways)))
    if is_part(request):
        return render(request, "storefront/parts/cards.html", context)
    context |= sifting.sieve_context(request, sieve, has_words=bool(ways), categories=shelves)
    context |= {
        "search": True,
        "query": query,
        "category_chosen": chosen,
        "categories": shelves,
        "is_start": is_start,
        "heading": _heading(query, sieve),
    }
    if query and not context["items"] and not request.GET.get("after"):
        context |= _way_out(query, sieve, category_id)
    return render(request, "storefront/products.html", context)


def _heading(query: str, sieve: sifting.Sieve) -> str:
    if query:
        return _("Results for “%(query)s”") % {"query": query}
    return sieve.supplier.name if sieve.supplier else _("Search")


def _way_out(query: str, sieve: sifting.Sieve, category_id: int | None) -> dict[str, Any]:
    """Return what a page without results offers: the same without filters, near words, near goods."""
    if sieve.is_narrow or category_id is not None:
        return {"unfiltered_url": f"{reverse('search')}?q={quote(query)}"}
    near = searching.near_products(sieve.wish(words=query), limit=_NEAR_MAX)
    return {
        "near_items": shelf.cards(near),
        "near_words": [_suggested(one) for one in searching.nearest_words(query, limit=4)],
    }


@same_for_all("q", shows=_goods)
@require_safe
def suggest(request: HttpRequest) -> HttpResponse:
    """A piece of every page with a search field: what the typed beginning may become."""
    query = clean_words(request.GET.get("q", ""))
    found = [_suggested(one) for one in searching.suggestions(query)]
    return render(request, "storefront/parts/suggestions.html", {"query": query, "suggestions": found})


def _suggested(one: searching.Suggestion) -> dict[str, str]:
    if one.category is not None:
        label = shelf.shelf(one.category)
        return {"text": label.label, "url": reverse("category", args=[label.code]), "icon_name": label.icon_name}
    return {"text": one.text, "url": reverse("product", args=[one.number]), "icon_name": "search"}


@require_http_methods(["GET", "HEAD", "POST"])
@cache_control(private=True, no_store=True)
def history(request: HttpRequest) -> HttpResponse:
    """What one searched for: kept with a signed-in person, else in the browser alone.

    POST with ``q`` remembers, with ``forget`` forgets these words, with ``clear`` all of them.
    """
    person = request.user if request.user.is_authenticated else None
    words = queries.past_searches(person) if person else _in_cookie(request)
    if request.method == "POST":
        asked, forgotten = clean_words(request.POST.get("q", "")), clean_words(request.POST.get("forget", ""))
        now = timezone.now()
        if asked:
            words = [asked, *(one for one in words if one != asked)][:SEARCHES_MAX]
            if person:
                actions.remember_search(user=person, words=asked, now=now)
        elif forgotten or request.POST.get("clear"):
            words = [one for one in words if one != forgotten] if forgotten else []
            if person:
                actions.forget_searches(user=person, words=forgotten or None)
    if is_part(request) or request.method != "POST":
        answer = render(request, "storefront/parts/search_history.html", {"words": words})
    else:
        answer = redirect("search")
    if request.method == "POST" and person is None:
        text = quote(json.dumps(words, ensure_ascii=False, separators=(",", ":")))
        answer.set_cookie(
            HISTORY_COOKIE, text, max_age=_HISTORY_SECONDS, secure=request.is_secure(), httponly=True, samesite="Lax"
        )
    return answer


def _in_cookie(request: HttpRequest) -> list[str]:
    try:
        found = json.loads(unquote(request.COOKIES.get(HISTORY_COOKIE, "")[:8_000]))
    except ValueError:
        return []
    if not isinstance(found, list):
        return []
    words = [clean_words(one[: 2 * WORDS_LENGTH_MAX]) for one in found if isinstance(one, str)]
    return [one for one in dict.fromkeys(words) if one][:SEARCHES_MAX]
