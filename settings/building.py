"""Only while the floors are being built: leaves out what does not exist yet. Goes when everything is there."""

import sys
from importlib import import_module
from importlib.util import find_spec


def present(names: list[str]) -> list[str]:
    """The names whose module exists."""
    return [name for name in names if _exists(name)]


def loadable(names: list[str]) -> list[str]:
    """The names whose module can be imported; a word about the others."""
    good = []
    for name in present(names):
        try:
            import_module(name)
        except Exception as error:  # noqa: BLE001
            print(f"left out while building: {name}: {type(error).__name__}: {error}", file=sys.stderr)
        else:
            good.append(name)
    return good


def _exists(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
