"""What can be asked about places. Nothing here changes more often than once a year."""

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from shop.base.errors import NotFound
from shop.regions.models import Region
from shop.regions.rules import is_code, join_names, lineage


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
