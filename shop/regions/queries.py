"""What can be asked about places. Nothing here changes more often than once a year."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from shop.base.errors import NotFound
from shop.regions.models import Region
from shop.regions.rules import (
    CITY,
    COUNTY,
    COUNTY_NAME_LENGTH_MAX,
    PLACEHOLDER_NAMES,
    TOWNSHIP,
    VILLAGE,
    first_named,
    is_code,
    join_names,
    lineage,
    read_pasted,
)


def region(code: str) -> Region:
    """Return a place. Raises ``NotFound`` (field ``region_code``)."""
    found = Region.objects.filter(code=code).first()
    if found is None:
        raise unknown_place()
    return found


def children(code: str | None) -> QuerySet[Region]:
    """Return the places right below one, in the order of their codes; the provinces for ``None``."""
    return Region.objects.filter(parent_id=code or None).order_by("code")


def with_ancestors(code: str) -> list[Region]:
    """Return the places from the province down to the place itself, in one statement.

    Raises ``NotFound`` (field ``region_code``).
    """
    steps = lineage(code) if is_code(code) else []
    found = list(Region.objects.filter(code__in=steps).order_by("level"))
    if not found or found[-1].code != code:
        raise unknown_place()
    return found


def ancestors(code: str) -> list[Region]:
    """Return the places above one, the province first; the place itself is not among them.

    Raises ``NotFound`` (field ``region_code``).
    """
    return with_ancestors(code)[:-1]


def names(code: str) -> str:
    """Return a place as one writes it on a parcel: ``浙江省 杭州市 西湖区``. Raises ``NotFound``."""
    return join_names(place.name for place in with_ancestors(code))


def names_of(codes: Iterable[str]) -> dict[str, str]:
    """Return many places as ``names`` writes them, in one statement; codes we do not know are left out."""
    steps = {code: lineage(code) for code in codes if is_code(code)}
    found = Region.objects.filter(code__in={step for way in steps.values() for step in way})
    known = dict(found.values_list("code", "name"))
    return {
        code: join_names(known[step] for step in way if step in known) for code, way in steps.items() if code in known
    }


def unknown_place() -> NotFound:
    """Return the refusal of a code that is no place we know."""
    return NotFound(
        _("This place is not in the list. Choose province, city and county again."),
        field="region_code",
    )


def places_like(words: str, *, limit: int = 8) -> list[Region]:
    """Return counties, townships and villages for words that somebody looks for, the shallow ones first.

    Counties and townships hold the words in their name or in that of the place above; there are 44,000. Of
    600,000 villages those are found whose name begins with them. Words that no name has are read as an address.
    """
    wanted = "".join(words.split())[:20]
    if not wanted:
        return []
    found: list[Region] = []
    for level in (COUNTY, TOWNSHIP, VILLAGE):
        at_level = Region.objects.filter(level=level).exclude(name__in=PLACEHOLDER_NAMES).order_by("code")
        if level == VILLAGE:
            at_level = at_level.filter(name__startswith=wanted)
        else:
            above = Region.objects.filter(level__lt=level, level__gte=CITY, name__contains=wanted)
            at_level = at_level.filter(Q(name__contains=wanted) | Q(parent__in=above))
        found += at_level[: limit - len(found)]
        if len(found) == limit:
            break
    if not found and (read := _read_place(wanted)[0]) and read[-1].level >= COUNTY:
        found = read[-1:]
    return found


def place_named(words: str) -> Region:
    """Return the place of a code, or of names from the province down, ``浙江省杭州市西湖区``.

    Raises ``NotFound`` (field ``region_code``) when a part of it is no place we know.
    """
    wanted = "".join(words.split())
    if is_code(wanted):
        return region(wanted)
    way, rest = _read_place(wanted[:80])
    if not way or rest:
        raise unknown_place()
    return way[-1]


@dataclass(frozen=True, slots=True)
class Pasted:
    """An address read from pasted text; "" for what was not found. ``region_code`` is the deepest place named."""

    name: str
    phone: str
    region_code: str
    detail: str


def read_address(text: str) -> Pasted:
    """Read a pasted address: name, phone, place and street. What it cannot tell stays empty or in the street."""
    parts = read_pasted(text[:400])
    way, rest = _read_place("".join(parts.pieces))
    return Pasted(parts.name, parts.phone, way[-1].code if way else "", rest.strip())


def _read_place(text: str) -> tuple[list[Region], str]:
    """Return the places a text begins with, each below the one before, and what follows.

    A level may be left out; two statements a level, and no more rows than one county has villages.
    """
    way: list[Region] = []
    while step := _next_place(way[-1] if way else None, text):
        place, text = step
        way.append(place)
    return way, text


def _next_place(above: Region | None, text: str) -> tuple[Region, str] | None:
    if not text or (above and above.level == VILLAGE):
        return None
    below = list(children(above.code if above else None))
    if found := first_named(text, below):
        return found
    # A level is left out: what is named must be the only one of its name.
    if below and (found := first_named(text, list(Region.objects.filter(parent__in=below)), is_sure=True)):
        return found
    if above is None:
        written = [text[:length] for length in range(2, COUNTY_NAME_LENGTH_MAX)]
        return first_named(text, list(Region.objects.filter(level=COUNTY, name__in=written)), is_sure=True)
    return None
