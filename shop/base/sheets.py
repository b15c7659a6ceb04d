"""Reading the tables people send: their text encodings, and what is said about a row that is wrong."""

import codecs
import io
from dataclasses import dataclass
from typing import BinaryIO

from django.utils.translation import gettext_lazy as _

from shop.base.errors import Invalid

# What spreadsheets of this part of the world write; GB 18030 holds GBK and GB 2312.
_ENCODINGS = ("utf-8-sig", "gb18030")
_CHUNK_BYTES = 1 << 16
_BYTE_ORDER_MARKS_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong in one cell and the way out. ``row`` counts as the spreadsheet does: 1 is the header.

    ``column`` is empty when the whole row is meant.
    """

    row: int
    column: str
    message: str

    def __str__(self) -> str:
        where = f"row {self.row}" + (f", {self.column}" if self.column else "")
        return f"{where}: {self.message}"


def decode(data: bytes) -> str:
    """Return the text of a CSV file: UTF-8 with or without a mark, UTF-16 with one, or GBK / GB 18030.

    Raises ``Invalid`` (field ``file``) for anything else, so that no text is stored as nonsense.
    """
    return text_of(io.BytesIO(data)).read()


def text_of(source: BinaryIO) -> io.TextIOWrapper:
    """Return a CSV file of any length as text to read line by line; the file must be seekable.

    It is read twice: once to find its encoding, which only its end may betray. Encodings and error as for ``decode``.
    """
    start = source.tell()
    marks = source.read(2)
    for encoding in ("utf-16",) if marks in _BYTE_ORDER_MARKS_16 else _ENCODINGS:
        source.seek(start)
        if _is_text(source, encoding):
            source.seek(start)
            return io.TextIOWrapper(source, encoding=encoding, newline="")
    raise Invalid(_("The file is not readable as text. Save it as “CSV UTF-8” and try again."), field="file")


def _is_text(source: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while chunk := source.read(_CHUNK_BYTES):
            if "\0" in decoder.decode(chunk):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def harmless(text: str) -> str:
    """Return a cell's text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
