"""Cursor paging: stable while rows are added, the same cost on every page."""

import base64
import hashlib
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param


class NewestFirst(CursorPagination):
    """Pages of 20 (at most 100 by ``page_size``), newest first; follow ``next`` as it is.

    The cursor is sealed: a position is a row's id, and ids do not leave the system.
    """

    ordering = "-pk"
    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100

    def encode_cursor(self, cursor: Any) -> str:
        plain = f"{cursor.offset}:{int(cursor.reverse)}:{cursor.position or ''}"
        sealed = _seal().encrypt(plain.encode()).decode()
        return replace_query_param(self.base_url, self.cursor_query_param, sealed)

    def decode_cursor(self, request: Request) -> Any:
        sealed = request.query_params.get(self.cursor_query_param)
        if not sealed:
            return None
        try:
            offset, reverse, position = _seal().decrypt(sealed.encode()).decode().split(":", 2)
            return Cursor(int(offset), bool(int(reverse)), position or None)
        except (InvalidToken, ValueError) as error:
            raise NotFound(_("This page's address is no longer valid. Start again.")) from error


def paged(output: type[serializers.BaseSerializer[Any]]) -> serializers.Serializer[Any]:
    """Return how the OpenAPI document names one page of ``output``."""
    fields = {
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": output(many=True),
    }
    name = output.__name__.removesuffix("Output")
    return inline_serializer(name=f"{name}Page", fields=fields)


@cache
def _seal() -> Fernet:
    digest = hashlib.sha256(b"cursor:" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
