"""The four kinds of refusal. Every action's own error derives from one of them."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise


class DomainError(Exception):
    """A refusal a person can understand.

    ``message`` says what is wrong and the way out, in the reader's language; ``field`` names the
    input at fault, if one is; ``code`` is stable for programs; ``extra`` holds plain facts.
    """

    code = "refused"
    status = 400

    def __init__(
        self,
        message: str | Promise,
        *,
        field: str | None = None,
        code: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code or self.code
        self.extra = dict(extra or {})

    def __str__(self) -> str:
        return str(self.message)


class Invalid(DomainError):
    """The input cannot be accepted as it is."""

    code = "invalid"
    status = 400


class NotAllowed(DomainError):
    """The caller may not do this."""

    code = "not_allowed"
    status = 403


class NotFound(DomainError):
    """There is no such thing, or it is not the caller's."""

    code = "not_found"
    status = 404


class Conflict(DomainError):
    """The input is fine but the present state refuses it; someone may have been faster."""

    code = "conflict"
    status = 409
