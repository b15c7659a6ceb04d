"""Staff: the tree of places, to read; ``import_regions`` writes it."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from shop.base.backoffice import ReadOnly
from shop.regions.models import Region


@admin.register(Region)
class RegionAdmin(ReadOnly, ModelAdmin):
    list_display = ("code", "name", "level", "parent")
    list_filter = ("level",)
    search_fields = ("code", "name")
    list_select_related = ("parent",)
