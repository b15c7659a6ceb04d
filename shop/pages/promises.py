"""What a view says of its pages: that they are the same for everybody, or that it needs nothing of a person.

A view says so with :func:`same_for_all`, naming the query parameters it heeds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from django.http import HttpRequest

View = TypeVar("View", bound=Callable[..., object])
Names = Callable[[Mapping[str, str]], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Promise:
    """What a view says of its pages: the parameters it heeds, and what it shows (names of marks by the address)."""

    params: tuple[str, ...]
    shows: Names


def same_for_all(*params: str, shows: Names) -> Callable[[View], View]:
    """Promise that a view's pages are the same for everybody; stands above all other decorators.

    Parameters that are not named do not reach the view. ``shows`` returns the marks
    (``shop.pages.marks``) of what is on the page, from the arguments in its address.
    """

    def promise(view: View) -> View:
        view.same_for_all = Promise(params, shows)  # type: ignore[attr-defined]
        return view

    return promise


def short_path(view: View) -> View:
    """Let a view answer before sessions, languages and messages are looked at: it needs none of them.

    A refusal (``DomainError``) is told the usual way.
    """
    view.takes_short_path = True  # type: ignore[attr-defined]
    return view


def asks_for_part(request: HttpRequest) -> bool:
    """Whether htmx asks for a piece of the page; to restore one from the history it wants the whole."""
    meta = request.META
    return meta.get("HTTP_HX_REQUEST") == "true" and meta.get("HTTP_HX_HISTORY_RESTORE_REQUEST") != "true"
