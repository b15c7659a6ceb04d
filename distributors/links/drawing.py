"""Drawing a poster: facts in, a JPEG out. Pure but for reading font files; no database, no storage, no settings."""

import importlib.util
import io
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import segno
from PIL import Image, ImageDraw, ImageFont, ImageOps

from distributors.links.poster_facts import PosterFacts

WIDTH, HEIGHT = 750, 1230
PAPER, CARD, LINE, INK, MUTED, VERMILION, JADE = (
    "#f8f6f3", "#ffffff", "#eae6e1", "#261d17", "#6f6761", "#c9241e", "#26735a",
)  # fmt: skip
_MARGIN, _INNER, _RADIUS = 40, 36, 36
_CODE_SIDE = 190
# What stands for a character that no font of this machine has: the geta mark of Chinese and Japanese printers.
MISSING = "〓"
_SYSTEM_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/noto/NotoSansSymbols2-Regular.ttf",
    "/usr/share/fonts/truetype/hanazono/HanaMinA.ttf",
    "/usr/share/fonts/truetype/hanazono/HanaMinB.ttf",
    "/usr/share/fonts/truetype/unifont/unifont.ttf",
    "/System/Library/Fonts/PingFang.ttc",
)
_SIMPLIFIED = 2
_NOTHING = "\U0010fffe"


# --- letters -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _faces(size: int, weight: str) -> tuple[ImageFont.FreeTypeFont, ...]:
    """The font of the package in a weight, then the fonts of this machine for what it lacks."""
    spec = importlib.util.find_spec("manimgx_fonts_cjk")
    assert spec is not None
    assert spec.origin is not None
    face = ImageFont.truetype(Path(spec.origin).with_name("NotoSansCJK-VF.otf.ttc"), size, index=_SIMPLIFIED)
    face.set_variation_by_name(weight)
    return (face, *(ImageFont.truetype(path, size) for path in _SYSTEM_FONTS if Path(path).exists()))


@lru_cache(maxsize=4096)
def _has(face: ImageFont.FreeTypeFont, character: str) -> bool:
    """Whether a font has a character: it draws something else than what it draws for what it lacks."""
    drawn, lacking = face.getmask(character), face.getmask(_NOTHING)
    return drawn.size != lacking.size or bytes(drawn) != bytes(lacking)


def runs(text: str, size: int, weight: str) -> list[tuple[str, ImageFont.FreeTypeFont]]:
    """Cut a text into pieces of one font each. A character of no font is left out if it is a picture or a mark,
    else replaced by the mark of a missing character.
    """
    faces = _faces(size, weight)
    pieces: list[tuple[str, ImageFont.FreeTypeFont]] = []
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Mn"}:
            continue
        face = next((one for one in faces if character.isspace() or _has(one, character)), None)
        letter = character
        if face is None:
            if unicodedata.category(character) in {"So", "Sk", "Cn"}:
                continue
            face, letter = faces[0], MISSING
        if pieces and pieces[-1][1] is face:
            pieces[-1] = (pieces[-1][0] + letter, face)
        else:
            pieces.append((letter, face))
    return pieces


def width(text: str, size: int, weight: str = "Regular") -> float:
    """How wide a text is, in pixels."""
    return sum(face.getlength(piece) for piece, face in runs(text, size, weight))


def wrap(text: str, size: int, weight: str, *, wide: float, lines_max: int) -> list[str]:
    """Break a text into lines: between any two Chinese characters, only between words of others.

    What is too long for the lines ends with an ellipsis; a word wider than a line is broken.
    """
    lines, line = [], ""
    shown = " ".join("".join(piece for piece, _face in runs(text, size, weight)).split())
    for word in re.findall(r"[0-9A-Za-zÀ-ɏ'’.,%¥&+-]+|\s+|.", shown, re.DOTALL):
        pieces = [word] if width(word, size, weight) <= wide else list(word)
        for piece in pieces:
            if line and width(line + piece, size, weight) > wide:
                lines.append(line.rstrip())
                line = piece.lstrip()
            else:
                line += piece
    lines.append(line.rstrip())
    if len(lines) <= lines_max:
        return [one for one in lines if one]
    last = lines[lines_max - 1]
    while last and width(last + "…", size, weight) > wide:
        last = last[:-1]
    return [*lines[: lines_max - 1], last.rstrip() + "…"]


class _Sheet:
    """The paper being drawn on."""

    def __init__(self) -> None:
        self.image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
        self.pen = ImageDraw.Draw(self.image)

    def write(
        self, at: tuple[float, float], text: str, size: int, *, weight: str = "Regular", fill: str = INK
    ) -> float:
        """Write from a point on the base line; return where it ends."""
        x, y = at
        for piece, face in runs(text, size, weight):
            self.pen.text((x, y), piece, font=face, fill=fill, anchor="ls")
            x += face.getlength(piece)
        return x

    def paste(self, data: bytes, box: tuple[int, int, int, int], radius: int) -> bool:
        """Fill a box with the middle of a picture, its corners rounded; False when it is no picture."""
        left, top, right, bottom = box
        size = (right - left, bottom - top)
        try:
            with Image.open(io.BytesIO(data)) as found:
                picture = ImageOps.fit(found.convert("RGB"), size, Image.Resampling.LANCZOS)
        except (OSError, ValueError):
            return False
        self.image.paste(picture, (left, top), _rounded(size, radius))
        return True

    def plain(self, box: tuple[int, int, int, int], radius: int, fill: str) -> None:
        """A box of one colour."""
        size = (box[2] - box[0], box[3] - box[1])
        self.image.paste(fill, box, _rounded(size, radius))


def _rounded(size: tuple[int, int], radius: int) -> Image.Image:
    """A mask with round corners, drawn four times as large so that they come out smooth."""
    mask = Image.new("L", (size[0] * 4, size[1] * 4), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] * 4 - 1, size[1] * 4 - 1), radius * 4, fill=255)
    return mask.resize(size, Image.Resampling.LANCZOS)


def draw(facts: PosterFacts) -> bytes:
    """Return the poster as a JPEG of 750 x 1230 pixels."""
    sheet = _Sheet()
    top = _head(sheet, facts)
    _card(sheet, facts, top)
    _foot(sheet, facts)
    target = io.BytesIO()
    sheet.image.save(target, "JPEG", quality=90, optimize=True, subsampling=0)
    return target.getvalue()


def _head(sheet: _Sheet, facts: PosterFacts) -> int:
    """Who shares: portrait, name, what she says. Returns where the card begins."""
    name, line = facts.store_name or facts.shop, facts.store_line
    box = (_MARGIN, 36, _MARGIN + 92, 128)
    if not (facts.portrait and sheet.paste(facts.portrait, box, 46)):
        sheet.plain(box, 46, VERMILION)
        letter = name[:1] or "邻"
        sheet.write((box[0] + 46 - width(letter, 42, "Bold") / 2, 97), letter, 42, weight="Bold", fill=CARD)
    wide = WIDTH - _MARGIN * 2 - 92 - 24
    lines = wrap(line, 24, "Regular", wide=wide, lines_max=1)
    (first,) = wrap(name, 34, "Bold", wide=wide, lines_max=1) or [""]
    sheet.write((box[2] + 24, 74 if lines else 94), first, 34, weight="Bold")
    if lines:
        sheet.write((box[2] + 24, 115), lines[0], 24, fill=JADE)
    return 156


def _card(sheet: _Sheet, facts: PosterFacts, top: int) -> None:
    sheet.plain((_MARGIN, top, WIDTH - _MARGIN, HEIGHT - 36), _RADIUS, CARD)
    side = WIDTH - _MARGIN * 2 - 24
    left, picture_top = _MARGIN + 12, top + 12
    _pictures(sheet, facts.pictures, (left, picture_top, left + side, picture_top + 590))
    y = picture_top + 590 + 62
    wide = WIDTH - (_MARGIN + _INNER) * 2
    x = _MARGIN + _INNER
    for line in wrap(facts.title, 38, "Bold", wide=wide, lines_max=2):
        sheet.write((x, y), line, 38, weight="Bold")
        y += 52
    for line in wrap(facts.subtitle, 25, "Regular", wide=wide, lines_max=1):
        sheet.write((x, y - 6), line, 25, fill=MUTED)


def _pictures(sheet: _Sheet, pictures: Sequence[bytes], box: tuple[int, int, int, int]) -> None:
    """One picture fills the box; several share it, two in a row."""
    left, top, right, bottom = box
    if not pictures:
        sheet.plain(box, 26, LINE)
        return
    if len(pictures) < 4:
        if not sheet.paste(pictures[0], box, 26):
            sheet.plain(box, 26, LINE)
        return
    gap = 10
    wide, high = (right - left - gap) // 2, (bottom - top - gap) // 2
    for number, data in enumerate(pictures[:4]):
        x, y = left + (number % 2) * (wide + gap), top + (number // 2) * (high + gap)
        if not sheet.paste(data, (x, y, x + wide, y + high), 26):
            sheet.plain((x, y, x + wide, y + high), 26, LINE)


def _foot(sheet: _Sheet, facts: PosterFacts) -> None:
    """The price at the left, the code to scan at the right."""
    bottom = HEIGHT - 36 - _INNER
    right = WIDTH - _MARGIN - _INNER
    code = segno.make(facts.url, micro=False, error="m")
    drawn = io.BytesIO()
    code.save(drawn, kind="png", scale=8, border=0, dark=INK, light=CARD)
    with Image.open(drawn) as found:
        # Whole pixels a module: a code that was smoothed scans badly.
        scale = max(1, _CODE_SIDE // (found.width // 8))
        picture = found.convert("RGB").resize((found.width // 8 * scale,) * 2, Image.Resampling.NEAREST)
    sheet.image.paste(picture, (right - picture.width, bottom - 34 - picture.height))
    scan = width(facts.scan, 21)
    sheet.write((right - picture.width / 2 - scan / 2, bottom), facts.scan, 21, fill=MUTED)
    x: float = _MARGIN + _INNER
    if facts.price:
        whole, _dot, fen = facts.price.partition(".")
        x = sheet.write((x, bottom - 70), "¥", 34, weight="Bold", fill=VERMILION)
        x = sheet.write((x + 2, bottom - 70), whole, 68, weight="Bold", fill=VERMILION)
        x = sheet.write((x, bottom - 70), f".{fen}" if fen else "", 34, weight="Bold", fill=VERMILION)
    if facts.was:
        end = sheet.write((x + 18, bottom - 72), facts.was, 25, fill=MUTED)
        sheet.pen.line((x + 18, bottom - 81, end, bottom - 81), fill=MUTED, width=2)
    sheet.write((_MARGIN + _INNER, bottom), facts.shop, 23, weight="Medium", fill=MUTED)
