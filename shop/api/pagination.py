"""Cursor paging: stable while rows are added, the same cost on every page."""

from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Pages of 20 (at most 100 by ``page_size``), newest first; follow ``next`` as it is."""

    ordering = "-pk"
    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100
