"""Staff: who looked at whose data, and why; and the act by which people of both back offices look.

Looking is deliberate (a form that is sent), has a reason, and is on record.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from shop.base.backoffice import Act, ActForm, ReadOnly, staff_actor
from shop.privacy.actions import REASON_LENGTH_MIN, note_looks
from shop.privacy.models import Unmasking

Texts = Mapping[Any, Callable[[Any], str | None]]
PERMISSION = "privacy.add_unmasking"
SHOW = _("Show in full")


class WhyForm(ActForm):
    """Why somebody needs to see it: a number of a case, a wish of the person."""

    reason = forms.CharField(
        label=_("Why you need it"),
        min_length=REASON_LENGTH_MIN,
        max_length=200,
        help_text=_("It is kept with your name and the time, and cannot be changed."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )


def showing(
    texts: Texts,
    *,
    subject: Callable[[Any], str],
    label: str | Promise = SHOW,
    actor: Callable[[HttpRequest], str] = staff_actor,
    reason: str = "",
    permission: str = PERMISSION,
    offered: Callable[[Any], bool] = lambda _row: True,
) -> Act:
    """Return the act "reveal". ``texts`` say by label what is shown; ``subject`` whose it is, as "order:O…".

    With a fixed ``reason`` nobody is asked for one: what the act is for says it.
    """

    def perform(request: HttpRequest, row: Any, data: dict[str, Any]) -> list[tuple[str, str]]:
        note_looks(
            actor=actor(request),
            subjects=[subject(row)],
            fields=[str(name) for name in texts],
            reason=data.get("reason") or reason,
            now=timezone.now(),
        )
        return [(str(name), text(row) or "") for name, text in texts.items()]

    return Act(
        "reveal",
        label,
        perform,
        ActForm if reason else WhyForm,
        offered=offered,
        explain=_("That you saw it is written down and cannot be taken back."),
        permission=permission,
    )


@admin.register(Unmasking)
class UnmaskingAdmin(ReadOnly, ModelAdmin):
    list_display = ("at", "actor", "subject", "fields", "reason")
    search_fields = ("actor", "subject")
    ordering = ("-pk",)
    show_full_result_count = False
