"""Staff: people. Phones are masked; roles are groups."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from shop.accounts import actions
from shop.accounts.models import User
from shop.base.backoffice import Act, Acting, ReadOnly, ReasonForm, staff_actor
from shop.privacy.admin import showing


def _close(request: HttpRequest, row: User, data: dict[str, Any]) -> None:
    actions.close_account(user=row, actor=staff_actor(request), now=timezone.now(), **data)


def _reopen(request: HttpRequest, row: User, data: dict[str, Any]) -> None:
    actions.reopen_account(user=row, actor=staff_actor(request), now=timezone.now(), **data)


@admin.register(User)
class UserAdmin(ReadOnly, Acting, ModelAdmin):
    list_display = ("number", "name", "masked", "is_active", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff")
    search_fields = ("number", "name", "phone__exact")
    search_help_text = _("Number, name, or the whole phone")
    fields = ("number", "name", "masked", "is_active", "is_staff", "groups", "last_login")
    readonly_fields = fields
    acts = (
        showing({_("Phone"): lambda row: row.phone}, subject=lambda row: f"user:{row.number}"),
        Act(
            "close",
            _("Close the account"),
            _close,
            ReasonForm,
            is_dangerous=True,
            offered=lambda row: row.is_active,
            permission="accounts.change_user",
            explain=_("The person cannot sign in any more; tokens end at once."),
        ),
        Act(
            "reopen",
            _("Open the account again"),
            _reopen,
            ReasonForm,
            offered=lambda row: not row.is_active,
            permission="accounts.change_user",
        ),
    )

    @admin.display(description=_("phone"))
    def masked(self, row: User) -> str:
        return row.masked_phone


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(ModelAdmin):
    """Roles of the staff: which permissions belong to which."""

    search_fields = ("name",)
    autocomplete_fields = ("permissions",)


@admin.register(Permission)
class PermissionAdmin(ReadOnly, ModelAdmin):
    """What a role may be allowed: found by name where roles are written."""

    list_display = ("name", "codename")
    search_fields = ("name", "codename", "content_type__model")
    ordering = ("content_type__app_label", "codename")
    fields = ("name", "codename", "content_type")
    readonly_fields = fields
