"""Scoping: every way to a row of the panel starts from the supplier."""

from typing import Any

from django.contrib.admin.options import BaseModelAdmin
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from shop.base.backoffice import Acting
from shop.panel.site import own_supplier


class _Scoped(BaseModelAdmin):  # type: ignore[type-arg]  # not subscriptable when it runs
    """Queryset, foreign-key choices and permissions, all from the supplier.

    ``owner_path`` leads from the model to its supplier; empty marks reference data that every
    supplier may choose from (categories).
    """

    owner_path = "supplier"
    may_add = False
    may_change = False
    may_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        supplier = own_supplier(request)
        if supplier is None:
            return rows.none()
        return rows.filter(**{self.owner_path: supplier}) if self.owner_path else rows

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = self._choices(db_field.remote_field.model, request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = self._choices(db_field.remote_field.model, request)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def _choices(self, model: type[Model], request: HttpRequest) -> QuerySet[Any]:
        """Choices come from the model's own panel, which scopes them; without one there are none."""
        panel = self.admin_site._registry.get(model)
        return panel.get_queryset(request) if panel else model._default_manager.none()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return own_supplier(request) is not None

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return own_supplier(request) is not None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_add and own_supplier(request) is not None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_change and own_supplier(request) is not None

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_delete and own_supplier(request) is not None


class OwnRows(_Scoped, Acting, ModelAdmin):
    """A model of the panel. The owner is set when a row is saved, never shown or chosen."""

    list_disable_select_all = True
    compressed_fields = True

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        direct: list[str] = [self.owner_path] if "__" not in self.owner_path and self.owner_path else []
        names = {field.name for field in self.model._meta.get_fields() if isinstance(field, Field)}
        return [*(super().get_exclude(request, obj) or ()), *(set(direct) & names)]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if self.owner_path and "__" not in self.owner_path:
            setattr(obj, self.owner_path, own_supplier(request))
        super().save_model(request, obj, form, change)


class OwnInline(_Scoped, TabularInline):
    """Rows inside another row of the panel."""

    extra = 0
    hide_title = True


def supplier_person(request: HttpRequest) -> str:
    """Return the actor string of the very person of a supplier behind a request."""
    user: Any = request.user
    return f"user:{user.number}"


def supplier_actor(request: HttpRequest) -> str:
    """Return the actor string of the supplier behind a request."""
    supplier = own_supplier(request)
    return f"supplier:{supplier.code}" if supplier else "supplier:none"
