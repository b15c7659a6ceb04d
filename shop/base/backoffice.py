"""Parts of the two back offices (staff admin and supplier panel): records to read, and acts on them.

An act is a page of its own: GET shows what will happen and asks for what is needed, POST does it.
So a link alone never changes anything, and everything works without scripts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext_lazy as _

from shop.base.errors import DomainError
from shop.base.money import FEN_PER_YUAN, format_yuan

INPUT_CLASSES = (
    "border border-base-200 bg-white rounded-default px-3 py-2 w-full max-w-2xl text-sm shadow-xs "
    "dark:bg-base-900 dark:border-base-700"
)


class YuanField(forms.DecimalField):
    """An amount as people write it, in yuan; ``cleaned_data`` has it in fen, None when nothing was written."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=Decimal(0), max_digits=12, decimal_places=2, **kwargs)

    def clean(self, value: Any) -> Any:
        amount = super().clean(value)
        return None if amount is None else int(amount * FEN_PER_YUAN)


class ActForm(forms.Form):
    """What an act asks for; nothing by default: the button is the confirmation."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            # A box to tick keeps its own size.
            if not isinstance(field.widget, forms.CheckboxInput):
                field.widget.attrs.setdefault("class", INPUT_CLASSES)


class ReasonForm(ActForm):
    """An act that says why; the person concerned will read it."""

    reason = forms.CharField(label=_("Reason"), max_length=200, widget=forms.Textarea(attrs={"rows": 3}))


@dataclass(frozen=True)
class Act:
    """Something a back office does to one row.

    ``perform(request, row, data)`` calls one action and returns nothing, or a list of facts (label, text) that the
    person asked to see: they are shown once, on a page that nobody keeps. Its ``DomainError`` is
    shown on the page. ``offered(row)`` says whether the button is there at all; ``explain`` is what
    the page says first, the same for every row or made from the row.
    """

    name: str
    label: str | Promise
    perform: Callable[[HttpRequest, Any, dict[str, Any]], object]
    form: type[forms.Form] = ActForm
    offered: Callable[[Any], bool] = lambda _row: True
    explain: str | Promise | Callable[[Any], str] = ""
    # What the form shows at first, made from the row.
    initial: Callable[[Any], dict[str, Any]] | None = None
    is_dangerous: bool = False
    # Django permission a member of staff needs; empty: whoever may open the row may act.
    permission: str = ""


class Bounded(Paginator):  # type: ignore[type-arg]  # not subscriptable when it runs
    """Counts and turns pages over the first 2,000 rows only, so that a long table costs what a short one does.

    Who looks for what is older searches or filters.
    """

    rows_max = 2_000

    @cached_property
    def count(self) -> int:
        """How many rows can be paged through."""
        rows: models.QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[: self.rows_max].count()


class ReadOnly:
    """A model whose rows are looked at, never typed in."""

    paginator: ClassVar[Any] = Bounded
    show_full_result_count: ClassVar[bool] = False

    # As an inline: the columns say what a row is, a line above them would say it again.
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class Acting(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable when it runs
    """An admin whose rows can be acted on; list the acts in ``acts``."""

    paginator: ClassVar[Any] = Bounded
    show_full_result_count: ClassVar[bool] = False
    acts: Sequence[Act] = ()
    change_form_outer_before_template = "backoffice/acts.html"
    act_template = "backoffice/act.html"

    def get_urls(self) -> list[URLPattern]:
        meta = self.opts
        own = [
            path(
                f"<path:object_id>/act/{act.name}/",
                self.admin_site.admin_view(partial(self.act_view, act=act)),
                name=f"{meta.app_label}_{meta.model_name}_act_{act.name}",
            )
            for act in self.acts
        ]
        return own + super().get_urls()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        row = self.get_object(request, object_id) if object_id else None
        buttons = [
            {"url": self._act_url(row, act), "label": act.label, "is_dangerous": act.is_dangerous}
            for act in self.acts
            if row is not None and self._may(request, row, act) and act.offered(row)
        ]
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), "acts": buttons})

    def act_view(self, request: HttpRequest, object_id: str, *, act: Act) -> HttpResponse:
        """Show or do one act on one row. 404 for a row that is not the person's to see."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        if not self._may(request, row, act):
            raise PermissionDenied
        back = self._change_url(row)
        form = act.form(request.POST or None, request.FILES or None) if request.POST else _blank(act, row)
        if request.method == "POST" and form.is_valid():
            try:
                facts = act.perform(request, row, form.cleaned_data)
            except DomainError as error:
                field = error.field if error.field in form.fields else None
                form.add_error(field, str(error))
            else:
                if isinstance(facts, list):
                    return self._show(request, row, act, facts)
                messages.success(request, _("Done: %(label)s.") % {"label": act.label})
                return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": act.label,
            "act": act,
            "explain": act.explain(row) if callable(act.explain) else act.explain,
            "row": row,
            "form": form,
            "back": back,
        }
        # Templates name addresses of "admin"; this says which of the two sites is meant.
        request.current_app = self.admin_site.name
        status = 400 if form.errors else 200
        return TemplateResponse(request, self.act_template, context, status=status)

    def _show(self, request: HttpRequest, row: Any, act: Act, facts: list[tuple[str, str]]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": act.label,
            "facts": facts,
            "row": row,
            "back": self._change_url(row),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request, "backoffice/facts.html", context, headers={"Cache-Control": "no-store, private"}
        )

    def _may(self, request: HttpRequest, row: Any, act: Act) -> bool:
        if not self.has_view_permission(request, row):
            return False
        user: Any = request.user
        return not act.permission or user.has_perm(act.permission)

    def _change_url(self, row: models.Model) -> str:
        meta = self.opts
        name = f"{self.admin_site.name}:{meta.app_label}_{meta.model_name}_change"
        return reverse(name, args=[row.pk])

    def _act_url(self, row: models.Model, act: Act) -> str:
        meta = self.opts
        name = f"{self.admin_site.name}:{meta.app_label}_{meta.model_name}_act_{act.name}"
        return reverse(name, args=[row.pk])


def _blank(act: Act, row: Any) -> forms.Form:
    return act.form(initial=act.initial(row)) if act.initial is not None else act.form()


def yuan(field: str, label: Any) -> Any:
    """Return a column that shows ``row.<field>`` (fen) as yuan; for ``list_display`` and ``fields``."""

    @admin.display(description=label, ordering=field)
    def show(row: Any) -> str:
        fen = getattr(row, field)
        return "-" if fen is None else f"¥{format_yuan(fen)}"

    # Django tells callables apart by name in its error messages and CSS classes.
    show.__name__ = field
    return show


def staff_actor(request: HttpRequest) -> str:
    """Return the actor string of the member of staff behind a request."""
    user: Any = request.user
    return f"staff:{user.number}"
