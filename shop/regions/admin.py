"""Staff: the tree of places, to read; ``import_regions`` writes it."""

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from shop.base.backoffice import Bounded, ReadOnly
from shop.regions.models import Region
from shop.regions.rules import TOWNSHIP, VILLAGE


@admin.register(Region)
class RegionAdmin(ReadOnly, ModelAdmin):
    list_display = ("code", "name", "level", "parent")
    list_filter = ("level",)
    # Only so that there is a box to type in: what it finds is said below.
    search_fields = ("code", "name")
    list_select_related = ("parent",)
    ordering = ("code",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Region], search_term: str
    ) -> tuple[QuerySet[Region], bool]:
        """Find a code by its beginning, a name by its beginning, and above the villages by any part of it."""
        for word in search_term.split():
            if word.isdecimal():
                queryset = queryset.filter(code__startswith=word)
            else:
                named = Q(level=VILLAGE, name__startswith=word) | Q(level__lte=TOWNSHIP, name__contains=word)
                # First found by the two indexes, then put in order: the other way it walks through all places.
                queryset = queryset.filter(pk__in=Region.objects.filter(named)[: Bounded.rows_max])
        return queryset, False
