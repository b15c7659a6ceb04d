"""What both back offices show of a case: the account of its amount, the conversation, and its private photos."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from orders.aftersales.models import AfterSale
from orders.aftersales.queries import picture_of_case, thread_of
from orders.aftersales.wording import explain_case
from shop.base.backoffice import ActForm
from shop.base.errors import NotFound
from shop.media.actions import keep_all
from shop.media.forms import FilesField
from shop.media.models import Picture
from shop.media.serving import private_picture


class MessageForm(ActForm):
    text = forms.CharField(label=_("Message"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 3}))
    photos = FilesField(label=_("Photos"), required=False, help_text=_("Six at most, 10 MB each."))


def kept_photos(request: HttpRequest, data: dict[str, Any], *, now: datetime) -> list[Picture]:
    """Keep the photos of a :class:`MessageForm`. Raises ``Invalid`` (``photos``) for what is no picture."""
    user: Any = request.user
    purpose = Picture.Purpose.EVIDENCE
    return keep_all(files=data["photos"], purpose=purpose, uploader=user, field="photos", now=now)


class CaseDesk(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable when it runs
    """An admin of cases. Its rows are scoped by the class beside it; photos start from a row that was found."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.picture_view)
        own = path("<path:object_id>/pictures/<slug:picture>/", view, name="aftersales_aftersale_picture")
        return [own, *super().get_urls()]

    def picture_view(self, request: HttpRequest, object_id: str, picture: str) -> HttpResponse:
        """Show a photo of a case. 404 for a case that is not the person's to see."""
        row = self.get_object(request, object_id)
        if row is None or not self.has_view_permission(request, row):
            raise Http404
        try:
            found = picture_of_case(row, picture)
            return private_picture(found, is_small=request.GET.get("size") == "small")
        except NotFound as error:
            raise Http404(str(error)) from error

    @admin.display(description=_("how the amount came about"))
    def account(self, row: AfterSale) -> SafeString:
        return render_to_string("backoffice/account.html", {"lines": explain_case(row)})

    @admin.display(description=_("conversation"))
    def thread(self, row: AfterSale) -> SafeString:
        base = reverse(f"{self.admin_site.name}:aftersales_aftersale_picture", args=[row.pk, "0"])
        return render_to_string("backoffice/thread.html", {"thread": thread_of(row), "base": base.removesuffix("0/")})
