"""From a file's bytes to rows of plain text: CSV and XLSX, whoever made them and whatever is hidden inside.

Formulas are refused, never worked out; nothing outside the file is read.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import Any, BinaryIO

import openpyxl
from django.utils.translation import gettext as _

from shop.base.errors import Invalid
from shop.base.sheets import RowProblem, decode

FILE_BYTES_MAX = 20 * 1024 * 1024
ROWS_MAX = 20_000
COLUMNS_MAX = 200
CELL_LENGTH_MAX = 60_000

# A workbook is a ZIP: what it may hold unpacked, and in how many pieces.
UNPACKED_BYTES_MAX = 60 * 1024 * 1024
PARTS_MAX = 500
_DOCTYPES = tuple("<!DOCTYPE".encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be"))

# What a spreadsheet would run: "=…" always; "@", "+", "-" when they lead to a call or another program.
_FORMULA = re.compile(r"\s*(=|[@+\-][^\s\d].*[(|!])", re.DOTALL)


@dataclass(frozen=True)
class Row:
    """One line of the table. ``number`` is the spreadsheet's; ``cells`` are by heading in lower case."""

    number: int
    cells: dict[str, str]


@dataclass
class Sheet:
    """A table: its headings by lower case, its rows, and the cells that cannot be taken."""

    headings: dict[str, str]
    rows: list[Row] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)


def read_sheet(source: BinaryIO) -> Sheet:
    """Return the first table of a CSV or XLSX file; its kind is told by its content, not its name.

    Raises ``Invalid`` (field ``file``) when it cannot be read or is larger than 20 MB, 20,000 rows or
    200 columns.
    """
    data = source.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise _unreadable(_("The file is larger than 20 MB. Split it."))
    if data.startswith(b"PK\x03\x04"):
        return _sheet(_workbook_lines(data))
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise _unreadable(_("This is an old .xls file. Save it as .xlsx or as CSV."))
    return _sheet(_csv_lines(data))


def _sheet(lines: Iterator[Sequence[tuple[str, bool]]]) -> Sheet:
    """Each cell comes with whether it is a formula."""
    header = next(lines, None)
    if not header or not any(text for text, _formula in header):
        raise _unreadable(_("The file is empty. Its first line must name the columns."))
    names = [" ".join(text.split()) for text, _formula in header]
    if len(names) > COLUMNS_MAX:
        raise _unreadable(_("The file has more than 200 columns."))
    used = [name.casefold() for name in names if name]
    twice = next((name for name in used if used.count(name) > 1), None)
    if twice:
        raise _unreadable(_("Two columns are called “%(name)s”. Rename or remove one.") % {"name": twice})
    sheet = Sheet(headings={name.casefold(): name for name in names if name})
    for number, line in enumerate(lines, start=2):
        if number > ROWS_MAX + 1:
            raise _unreadable(_("The file has more than 20,000 rows. Split it."))
        cells: dict[str, str] = {}
        for name, (raw, is_formula) in zip(names, line, strict=False):
            text = raw.strip()
            if is_formula or (_is_plain(name) and _FORMULA.match(text)):
                message = _("Formulas are not accepted. Put the value itself into the cell.")
                sheet.problems.append(RowProblem(number, name, message))
            elif len(text) > CELL_LENGTH_MAX:
                sheet.problems.append(RowProblem(number, name, _("The text is too long.")))
            elif name and text:
                cells[name.casefold()] = text
        if any(text.strip() for text, _formula in line[len(names) :]):
            message = _("The row has more cells than the first line names columns. Check its quotes.")
            sheet.problems.append(RowProblem(number, "", message))
        if cells:
            sheet.rows.append(Row(number, cells))
    return sheet


def _is_plain(name: str) -> bool:
    """Descriptions are cleaned as HTML and may begin with anything."""
    return not name.casefold().startswith(("body", "description", "商品描述"))


def _csv_lines(data: bytes) -> Iterator[list[tuple[str, bool]]]:
    text = decode(data)
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        try:
            line = next(reader, None)
        except csv.Error as error:
            message = _("Line %(line)d is not CSV: %(error)s.") % {"line": reader.line_num, "error": error}
            raise _unreadable(message) from error
        if line is None:
            return
        yield [(cell, False) for cell in line]


def _workbook_lines(data: bytes) -> Iterator[list[tuple[str, bool]]]:
    _check_archive(data)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        sheet = book.worksheets[0]
        # What the file says about its own size is not believed.
        sheet.reset_dimensions()
        for row in islice(sheet.iter_rows(max_col=COLUMNS_MAX + 1), ROWS_MAX + 2):
            yield _trimmed((_text(cell.value), cell.data_type == "f") for cell in row)
    except (KeyError, ValueError, IndexError, TypeError, SyntaxError, OSError, zipfile.BadZipFile) as error:
        raise _unreadable(_("The workbook is damaged. Save it anew, or as CSV.")) from error


def _check_archive(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if len(parts) > PARTS_MAX or sum(part.file_size for part in parts) > UNPACKED_BYTES_MAX:
                raise _unreadable(_("The workbook is too large unpacked. Save it as CSV."))
            for part in parts:
                name = part.filename.replace("\\", "/")
                if name.startswith("/") or ".." in name.split("/") or part.flag_bits & 1:
                    raise _unreadable(_("The workbook is damaged. Save it anew, or as CSV."))
                if name.endswith((".bin", ".vbs", ".exe")) and "vba" in name.lower():
                    raise _unreadable(_("Workbooks with macros are not accepted. Save it as .xlsx."))
                if name.endswith((".xml", ".rels")) and any(word in archive.read(part) for word in _DOCTYPES):
                    raise _unreadable(_("The workbook refers to things outside. Save it as CSV."))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise _unreadable(_("The workbook is damaged. Save it anew, or as CSV.")) from error


def _trimmed(cells: Iterable[tuple[str, bool]]) -> list[tuple[str, bool]]:
    line = list(cells)
    while line and not line[-1][0]:
        line.pop()
    return line


def _text(value: Any) -> str:
    """Return a cell as one would type it; numbers keep exactly the digits they are stored with."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def _unreadable(message: str) -> Invalid:
    return Invalid(message, field="file")
