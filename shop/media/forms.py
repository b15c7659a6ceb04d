"""Several files in one field of a form."""

from typing import Any

from django import forms
from django.core.files.base import File
from django.utils.translation import gettext_lazy as _

from shop.media.rules import ACCEPT


class SeveralFiles(forms.ClearableFileInput):
    """A file input that takes several files."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Up to ``most`` files; what they hold is looked at when they are kept."""

    widget = SeveralFiles

    def __init__(self, *, most: int = 6, **kwargs: Any) -> None:
        kwargs.setdefault("widget", SeveralFiles(attrs={"accept": ACCEPT}))
        super().__init__(**kwargs)
        self.most = most

    def clean(self, data: Any, initial: Any = None) -> "list[File[bytes]]":
        """Return the files that were sent, none or several."""
        files = [file for file in (data if isinstance(data, list | tuple) else [data]) if file]
        if len(files) > self.most:
            raise forms.ValidationError(_("Six pictures at most."))
        return [super(FilesField, self).clean(file, initial) for file in files]
