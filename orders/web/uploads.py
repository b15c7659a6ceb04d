"""Pictures that come with a form: kept at once, so that a refused form does not lose them."""

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from shop.base.errors import DomainError
from shop.media import actions as media
from shop.media.models import Picture
from shop.media.queries import own_pictures
from shop.web.access import CustomerRequest

PICTURES_MAX = 6
# The field of the form that says what is wrong with its pictures.
FIELD = "images"


def chosen_pictures(request: CustomerRequest, form: forms.Form, purpose: Picture.Purpose) -> list[Picture]:
    """Return the pictures of a sent form: those kept at an earlier try (``picture``), then the files (``images``).

    What is wrong with them is written beside the form's field; the others are kept all the same, and the page
    names them again.
    """
    if request.method != "POST":
        return []
    form.full_clean()
    kept = _kept(request, form, purpose)
    for file in request.FILES.getlist(FIELD):
        if len(kept) >= PICTURES_MAX:
            form.add_error(FIELD, _("Six pictures at most."))
            break
        try:
            kept += media.keep_all(
                files=[file], purpose=purpose, uploader=request.user, field=FIELD, now=timezone.now()
            )
        except DomainError as error:
            form.add_error(FIELD, f"{_short(file.name)}: {error}")
    return kept


def _kept(request: HttpRequest, form: forms.Form, purpose: Picture.Purpose) -> list[Picture]:
    user = request.user
    without = set(request.POST.getlist("without"))
    numbers = [number for number in request.POST.getlist("picture") if number not in without]
    try:
        return own_pictures(user=user, numbers=numbers[:PICTURES_MAX], purpose=purpose, field=FIELD)  # type: ignore[arg-type]
    except DomainError as error:
        form.add_error(FIELD, str(error))
        return []


def _short(name: str | None) -> str:
    text = name or ""
    return text if len(text) <= 24 else f"{text[:20]}…{text[-4:]}"
