"""What a request asks for besides its body."""

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from shop.base.errors import Invalid

WORD_LENGTH_MAX = 80


def word(request: Request, name: str) -> str:
    """Return a query parameter, trimmed; "" when it is not there. Raises ``Invalid`` naming it."""
    text = str(request.query_params.get(name, "")).strip()
    if len(text) > WORD_LENGTH_MAX or not text.isprintable():
        raise Invalid(_("Give at most %(most)d printable characters.") % {"most": WORD_LENGTH_MAX}, field=name)
    return text


def choice(request: Request, name: str, choices: Iterable[str], *, default: str = "") -> str:
    """Return a query parameter that is one of ``choices``. Raises ``Invalid`` naming it."""
    names = list(choices)
    text = word(request, name) or default
    if text and text not in names:
        raise Invalid(_("Choose one of: %(names)s.") % {"names": ", ".join(names)}, field=name)
    return text


def amount(request: Request, name: str) -> int | None:
    """Return a query parameter that is an amount in fen; None when it is not there. Raises ``Invalid`` naming it."""
    text = word(request, name)
    if text and not (text.isascii() and text.isdigit() and len(text) < 13):
        raise Invalid(_("Give an amount in fen: digits only."), field=name)
    return int(text) if text else None
