"""Pieces of pages that are fetched by themselves; without script they are pages of their own, one link away."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise

from shop.web.access import is_part


def render_piece(
    request: HttpRequest, template: str, context: dict[str, Any], *, heading: str | Promise, back: str
) -> HttpResponse:
    """Answer htmx with the piece, and a browser with a page that holds it, called ``heading`` and leading ``back``."""
    if is_part(request):
        return render(request, template, context)
    whole = context | {"piece": template, "piece_heading": heading, "piece_back": back}
    return render(request, "storefront/piece.html", whole)
