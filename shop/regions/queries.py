"""What can be asked about places. Nothing here changes more often than once a year."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from shop.base.errors import NotFound
from shop.regions.models import Region
from shop.regions.rules import COUNTY, PLACEHOLDER_NAMES, is_code, join_names, lineage, read_pasted, without_place


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


def unknown_place() -> NotFound:
    """Return the refusal of a code that is no place we know."""
    return NotFound(
        _("This place is not in the list. Choose province, city and county again."),
        field="region_code",
    )


def counties_like(words: str, *, limit: int = 8) -> list[Region]:
    """Return places whose name holds the words, counties and below, the shallow ones first."""
    wanted = "".join(words.split())[:20]
    if not wanted:
        return []
    found = Region.objects.filter(level__gte=COUNTY, name__icontains=wanted) | Region.objects.filter(
        level__gte=COUNTY, parent__name__icontains=wanted
    )
    return list(found.exclude(name__in=PLACEHOLDER_NAMES).order_by("level", "code")[:limit])


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
    rest = "".join(parts.pieces)
    place: Region | None = None
    while True:
        step = _next_place(place, rest)
        if step is None:
            break
        place, rest = step
    return Pasted(parts.name, parts.phone, place.code if place else "", rest.strip())


def _next_place(above: Region | None, text: str) -> tuple[Region, str] | None:
    """Return the place the text goes on with below another, and what follows; a level may be left out."""
    below = list(children(above.code if above else None))
    under = Region.objects.filter(parent__in=below).order_by("code") if below else []
    for places in (below, under):
        for place in sorted(places, key=lambda place: -len(place.name)):
            rest = without_place(text, [place.name])
            if rest is not None:
                return place, rest
    return None
