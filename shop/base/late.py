"""Modules that are heavy and that most processes never use."""

from importlib import import_module
from typing import Any


class Late:
    """A module of our own that is loaded when something of it is first used.

    For what brings a large library with it: pictures are drawn by workers and looked at when somebody uploads one, but
    Pillow would be 12 MB of every web process from its start. Written beside an import under ``TYPE_CHECKING``, so that
    checkers see what it is.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)
