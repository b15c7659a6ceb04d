"""The staff's roles: groups of permissions, as docs/access.toml says."""

import tomllib
from fnmatch import fnmatch
from pathlib import Path

from django.contrib.auth.models import Group, Permission
from django.db import transaction


class RoleUnclear(Exception):
    """The file names a permission that no model has."""


def roles_in(file: Path) -> dict[str, list[str]]:
    """Return the patterns of permissions by role."""
    told = tomllib.loads(file.read_text(encoding="utf-8"))["roles"]
    return {name: list(facts["may"]) for name, facts in told.items()}


def permissions_of(patterns: list[str]) -> list[Permission]:
    """Return the permissions that patterns such as ``orders.view_*`` name. Raises :class:`RoleUnclear`."""
    everything = {
        f"{one.content_type.app_label}.{one.codename}": one for one in Permission.objects.select_related("content_type")
    }
    found: dict[str, Permission] = {}
    for pattern in patterns:
        matching = {name: one for name, one in everything.items() if fnmatch(name, pattern)}
        if not matching:
            raise RoleUnclear(pattern)
        found |= matching
    return list(found.values())


@transaction.atomic
def grant(roles: dict[str, list[str]]) -> dict[str, int]:
    """Give each role exactly these permissions, making its group; people stay in theirs. Returns how many each has."""
    counts = {}
    for name, patterns in roles.items():
        group, _is_new = Group.objects.get_or_create(name=name)
        allowed = permissions_of(patterns)
        group.permissions.set(allowed)
        counts[name] = len(allowed)
    return counts
