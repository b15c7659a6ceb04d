"""Cursor paging: stable while rows are added, the same cost on every page."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import BigIntegerField, Model, Q, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from shop.api.describing import OpenApiParameter, inline_serializer
from shop.base.errors import Invalid

PAGE_SIZE = 20
PAGE_SIZE_MAX = 100

PAGING = [
    OpenApiParameter("cursor", str, description="From `next` or `previous`; follow those as they are."),
    OpenApiParameter("page_size", int, description=f"1 to {PAGE_SIZE_MAX}, {PAGE_SIZE} unless asked for."),
]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows, and where the next and the previous one begin."""

    rows: list[Any]
    next: str | None
    previous: str | None

    def answer(self, results: Any) -> Response:
        """Return the answer of the page with its rows as ``results``."""
        return Response({"next": self.next, "previous": self.previous, "results": list(results)})


Fetch = Callable[[tuple[str, ...], list[Any] | None, int], list[Any]]


def page_of(rows: QuerySet[Any], request: Request, *, order: tuple[str, ...] = ("-pk",)) -> Page:
    """Return the page of a queryset that a request asks for; see :func:`page_by`. One statement."""

    def fetch(lean: tuple[str, ...], place: list[Any] | None, limit: int) -> list[Any]:
        wanted = rows.order_by(*lean)
        return list((wanted if place is None else wanted.filter(_behind(lean, place)))[:limit])

    return page_by(fetch, rows.model, request, order=order)


def page_by(fetch: Fetch, model: type[Model], request: Request, *, order: tuple[str, ...]) -> Page:
    """Return the page a request asks for. ``order`` names fields of the row; the last one is unique.

    ``fetch(order, place, limit)`` returns the rows behind a place, in ``order`` or its reverse. A page
    begins behind a row, not at a count of rows, so what is added meanwhile neither repeats nor hides
    anything. The cursor is sealed: it holds ids, which do not leave the system, and it fits the list it
    was made for alone. Raises ``Invalid`` (``cursor``, ``page_size``).
    """
    size = _size(request)
    seal = _Seal(model, order, _list_of(request))
    is_back, place = seal.read(request.query_params.get("cursor", ""))
    found = fetch(tuple(_turned(name) for name in order) if is_back else order, place, size + 1)
    has_more, found = len(found) > size, found[:size]
    if is_back:
        found.reverse()
    goes_on = is_back or has_more
    came_from = has_more if is_back else place is not None
    return Page(
        rows=found,
        next=_url(request, seal.made(found[-1], is_back=False)) if goes_on and found else None,
        previous=_url(request, seal.made(found[0], is_back=True)) if came_from and found else None,
    )


def paged(output: type[serializers.BaseSerializer[Any]]) -> serializers.Serializer[Any]:
    """Return how the OpenAPI document names one page of ``output``."""
    fields = {
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": output(many=True),
    }
    name = output.__name__.removesuffix("Output")
    return inline_serializer(name=f"{name}Page", fields=fields)


class _Seal:
    """Turns a row's place in a list into an opaque text and back."""

    def __init__(self, model: type[Model], order: tuple[str, ...], list_name: str) -> None:
        meta = model._meta
        names = [name.lstrip("-") for name in order]
        self._fields: list[Any] = [meta.pk if name == "pk" else _field(meta, name) for name in names]
        self._mark = hashlib.sha256(f"{list_name}|{order}".encode()).hexdigest()[:16]

    def made(self, row: Any, *, is_back: bool) -> str:
        place = [field.value_to_string(row) for field in self._fields]
        plain = json.dumps([self._mark, is_back, place])
        return _box().encrypt(plain.encode()).decode()

    def read(self, sealed: str) -> tuple[bool, list[Any] | None]:
        if not sealed:
            return False, None
        try:
            mark, is_back, place = json.loads(_box().decrypt(sealed.encode()))
            values = [field.to_python(text) for field, text in zip(self._fields, place, strict=True)]
        except (InvalidToken, ValueError, ValidationError) as error:
            raise _no_such_page() from error
        if mark != self._mark:
            raise _no_such_page()
        return bool(is_back), values


def _field(meta: Any, name: str) -> Any:
    """The field of a row; a figure that a list works out for its rows alone is a whole number."""
    try:
        return meta.get_field(name)
    except FieldDoesNotExist:
        field = BigIntegerField()
        field.set_attributes_from_name(name)
        return field


def _behind(order: tuple[str, ...], place: list[Any]) -> Q:
    """Return the rows that come behind a place: later in the first field, or equal there and so on."""
    behind = Q()
    equal = Q()
    for name, value in zip(order, place, strict=True):
        field = name.lstrip("-")
        lookup = "lt" if name.startswith("-") else "gt"
        behind |= equal & Q(**{f"{field}__{lookup}": value})
        equal &= Q(**{field: value})
    # The same said more weakly, for the index of the first field.
    first, lookup = order[0].lstrip("-"), "lte" if order[0].startswith("-") else "gte"
    return Q(**{f"{first}__{lookup}": place[0]}) & behind


def _turned(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


def _size(request: Request) -> int:
    text = request.query_params.get("page_size") or str(PAGE_SIZE)
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= PAGE_SIZE_MAX):
        raise Invalid(_("A page has 1 to %(most)d rows.") % {"most": PAGE_SIZE_MAX}, field="page_size")
    return int(text)


def _list_of(request: Request) -> str:
    """Name the list: its address and what narrows it."""
    if not request.META.get("QUERY_STRING"):
        return str(request.path)
    url = remove_query_param(request.get_full_path(), "cursor")
    return str(remove_query_param(url, "page_size"))


def _url(request: Request, sealed: str) -> str:
    if not request.META.get("QUERY_STRING"):
        # What is sealed needs no quoting but for the signs it ends with.
        return f"{request.build_absolute_uri()}?cursor={quote(sealed)}"
    return str(replace_query_param(request.build_absolute_uri(), "cursor", sealed))


def _no_such_page() -> Invalid:
    return Invalid(_("This page's address is no longer valid. Start again."), field="cursor")


@cache
def _box() -> Fernet:
    digest = hashlib.sha256(b"cursor:" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
