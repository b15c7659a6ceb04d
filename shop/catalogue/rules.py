"""What is true of a product's words: which are allowed, what they may hold, how they are found."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import nh3
from django.utils.translation import gettext_lazy as _

from shop.base.errors import Invalid
from shop.catalogue.pinyin import asked_by_initials, asked_by_letters, asked_by_sound, spelled_tokens, spelling

TITLE_LENGTH_MAX = 120
SUBTITLE_LENGTH_MAX = 160
HANDLE_LENGTH_MAX = 120
KEYWORDS_LENGTH_MAX = 300
DESCRIPTION_LENGTH_MAX = 50_000
OPTIONS_MAX = 3
OPTION_LENGTH_MAX = 40
SKUS_MAX = 200
CODE_LENGTH_MAX = 80
BARCODE_LENGTH_MAX = 40
WEIGHT_MAX_G = 1_000_000
IMAGES_MAX = 20

# Text and tables. No link, picture, style or attribute that could act: pictures of a product are
# rows of their own, checked and drawn anew.
_TAGS = {
    *("p", "br", "hr", "b", "strong", "i", "em", "u", "s", "sub", "sup", "span", "div", "blockquote"),
    *("h2", "h3", "h4", "ul", "ol", "li", "dl", "dt", "dd"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {"td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}}

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUN = re.compile(rf"(?P<han>[{_HAN}]+)|(?P<word>[^\W_{_HAN}]+)")
_WORD_LENGTH_MAX = 20
_QUERY_TOKENS_MAX = 24
_NEAR_MAX = 8


@dataclass(frozen=True, slots=True)
class SkuDraft:
    """One buyable combination to be. ``weight_g`` in grams; ``code`` is the supplier's own.

    An empty code and a None leave what an existing SKU has.
    """

    option_values: tuple[str, ...] = ()
    code: str = ""
    weight_g: int | None = None
    barcode: str | None = None


@dataclass(frozen=True, slots=True)
class ImageDraft:
    """A picture somebody named by its address; it is not fetched by saying so."""

    source_url: str
    alt: str = ""


@dataclass(frozen=True, slots=True)
class ProductDraft:
    """A product to be, found again by its supplier's ``handle``.

    A None leaves what an existing product has.
    """

    handle: str
    title: str
    description_html: str | None = None
    subtitle: str | None = None
    keywords: str | None = None
    category_code: str | None = None
    option_names: tuple[str, ...] = ()
    skus: tuple[SkuDraft, ...] = ()
    images: tuple[ImageDraft, ...] = field(default=())


def clean_html(html: str) -> str:
    """Return a description with nothing in it but text, lists and tables.

    Raises ``Invalid`` (field ``description_html``) beyond 50,000 characters.
    """
    if len(html) > DESCRIPTION_LENGTH_MAX:
        raise Invalid(
            _("The description is longer than %(max)d characters. Shorten it.") % {"max": DESCRIPTION_LENGTH_MAX},
            field="description_html",
        )
    return nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, link_rel=None).strip()


def clean_known(text: str | None, *, field: str, longest: int) -> str | None:
    """Return :func:`clean_line` of a text that is given; None stays None."""
    return None if text is None else clean_line(text, field=field, longest=longest)


def clean_line(text: str, *, field: str, longest: int, is_needed: bool = False) -> str:
    """Return one line of text without control characters and doubled spaces.

    Raises ``Invalid`` naming ``field`` when it is too long, or empty although needed.
    """
    line = " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in text).split())
    if is_needed and not line:
        raise Invalid(_("This cannot be empty."), field=field)
    if len(line) > longest:
        raise Invalid(
            _("At most %(max)d characters; these are %(length)d.") % {"max": longest, "length": len(line)},
            field=field,
        )
    return line


def check_draft(draft: ProductDraft) -> ProductDraft:
    """Return the draft with clean words. Raises ``Invalid`` naming the field."""
    names = tuple(
        clean_line(name, field="option_names", longest=OPTION_LENGTH_MAX, is_needed=True) for name in draft.option_names
    )
    if len(names) > OPTIONS_MAX or len(set(names)) != len(names):
        raise Invalid(
            _("A product has at most %(max)d options, each with its own name.") % {"max": OPTIONS_MAX},
            field="option_names",
        )
    if not 1 <= len(draft.skus) <= SKUS_MAX:
        raise Invalid(_("A product has 1 to %(max)d SKUs.") % {"max": SKUS_MAX}, field="skus")
    values = [sku.option_values for sku in draft.skus]
    if len(set(values)) != len(values):
        raise Invalid(_("Two SKUs have the same options. Each needs its own."), field="option_values")
    if len(draft.images) > IMAGES_MAX:
        raise Invalid(_("A product has at most %(max)d pictures.") % {"max": IMAGES_MAX}, field="images")
    return ProductDraft(
        handle=clean_line(draft.handle, field="handle", longest=HANDLE_LENGTH_MAX, is_needed=True),
        title=clean_line(draft.title, field="title", longest=TITLE_LENGTH_MAX, is_needed=True),
        description_html=None if draft.description_html is None else clean_html(draft.description_html),
        subtitle=clean_known(draft.subtitle, field="subtitle", longest=SUBTITLE_LENGTH_MAX),
        keywords=clean_known(draft.keywords, field="keywords", longest=KEYWORDS_LENGTH_MAX),
        category_code=draft.category_code,
        option_names=names,
        skus=tuple(check_sku(sku, axes=len(names)) for sku in draft.skus),
        images=draft.images,
    )


def check_sku(sku: SkuDraft, *, axes: int) -> SkuDraft:
    """Return the SKU with clean words. Raises ``Invalid`` naming the field."""
    values = tuple(
        clean_line(value, field="option_values", longest=OPTION_LENGTH_MAX, is_needed=True)
        for value in sku.option_values
    )
    if len(values) != axes:
        raise Invalid(
            _("Give one value for each of the product's %(axes)d options.") % {"axes": axes},
            field="option_values",
        )
    if sku.weight_g is not None and not 0 <= sku.weight_g <= WEIGHT_MAX_G:
        raise Invalid(_("A weight is between 0 and 1,000,000 g."), field="weight_g")
    return SkuDraft(
        option_values=values,
        code=clean_line(sku.code, field="code", longest=CODE_LENGTH_MAX),
        weight_g=sku.weight_g,
        barcode=clean_known(sku.barcode, field="barcode", longest=BARCODE_LENGTH_MAX),
    )


def picture_of_options(descriptions: Sequence[str], axes: Sequence[Sequence[str]], chosen: Sequence[str]) -> int | None:
    """Return which picture shows the chosen option values, by what its description names; None when none does.

    The options count in their order: colour before size, as suppliers order them. A picture that names two
    values of one option (a comparison) stands for neither.
    """
    for values, value in zip(axes, chosen, strict=False):
        for index, description in enumerate(descriptions):
            if _named(description, values) == {value}:
                return index
    return None


def _named(description: str, values: Iterable[str]) -> set[str]:
    """Return the values a description names; ``深蓝`` does not name ``蓝`` as well, nor ``silk`` an ``S``."""
    rest, found = description, set()
    for value in sorted(values, key=len, reverse=True):
        before = r"(?<![0-9A-Za-z])" if value[0].isascii() else ""
        after = r"(?![0-9A-Za-z])" if value[-1].isascii() else ""
        rest, times = re.subn(before + re.escape(value) + after, " ", rest, flags=re.IGNORECASE)
        if times:
            found.add(value)
    return found


def index_text(parts: Iterable[str], spelled: Iterable[str] = ()) -> str:
    """Return what a product is found by: words and their beginnings, characters and pairs of them.

    Chinese is not cut into words: each pair of neighbouring characters is a token, so no
    dictionary has to be loaded and no word is ever missing from it. What ``spelled`` says is found by
    its pinyin too, and by the initials of it.
    """
    tokens: dict[str, None] = {}
    for han, word in _runs(" ".join(parts)):
        if han:
            tokens.update(dict.fromkeys(han))
            tokens.update(dict.fromkeys(_pairs(han)))
        else:
            tokens.update(dict.fromkeys(word[:length] for length in range(min(2, len(word)), len(word) + 1)))
    for han, _word in _runs(" ".join(spelled)):
        tokens.update(dict.fromkeys(spelled_tokens(han)))
    return " ".join(tokens)


def query_tokens(text: str) -> list[str]:
    """Return the tokens a product must all have to be an answer to ``text``; none for no words."""
    tokens: list[str] = []
    for han, word in _runs(text):
        tokens += ([han] if len(han) == 1 else _pairs(han)) if han else [word]
    return list(dict.fromkeys(tokens))[:_QUERY_TOKENS_MAX]


def questions(text: str, *, is_unfinished: bool = False) -> tuple[tuple[str, ...], ...]:
    """Return the ways to read ``text`` as a question, each as the tokens an answer has: as it is written, with its
    letters as pinyin, with its letters as initials. None for no words.

    ``is_unfinished`` while somebody is still typing it.
    """
    written = tuple(query_tokens(text))
    runs = _runs(text)
    letters = _read(runs, lambda word: asked_by_letters(word, is_unfinished=is_unfinished))
    return tuple(dict.fromkeys(way for way in (written, letters, _read(runs, asked_by_initials)) if way))


def near_questions(text: str) -> tuple[tuple[str, ...], ...]:
    """Return questions near to one that finds nothing: what sounds alike; all its characters or words but one."""
    runs = _runs(text)
    sounds = [token for han, word in runs for token in (asked_by_sound(han) if han else [word])]
    single = [token for han, word in runs for token in (han or [word])][:_QUERY_TOKENS_MAX]
    ways = [tuple(sounds)]
    if 3 <= len(single) <= _NEAR_MAX:
        ways += [tuple(single[:left] + single[left + 1 :]) for left in range(len(single))]
    return tuple(dict.fromkeys(way for way in ways if way))


@lru_cache(maxsize=4096)
def spelled_out(text: str) -> str:
    """Return all of a text in small letters without gaps, Chinese in its usual readings."""
    return "".join(spelling(han) if han else word for han, word in _runs(text))


def closeness(typed: str, known: str) -> float:
    """Return how nearly some stretch of ``known`` is spelled like ``typed``: 1 for the same, 0 for nothing alike."""
    pairs = {typed[place : place + 2] for place in range(len(typed) - 1)}
    if not pairs or 3 * sum(pair in known for pair in pairs) < len(pairs):
        return 0.0
    # The fewest changes that make the question a stretch of the other text, wherever it begins and ends.
    changes = [0] * (len(known) + 1)
    for count, letter in enumerate(typed, start=1):
        before, changes[0] = changes[0], count
        for place, other in enumerate(known, start=1):
            above = changes[place]
            changes[place] = min(above + 1, changes[place - 1] + 1, before + (letter != other))
            before = above
    return 1 - min(changes) / len(typed)


def _read(runs: Sequence[tuple[str, str]], read: Callable[[str], list[str]]) -> tuple[str, ...]:
    tokens: list[str] = []
    for han, word in runs:
        found = ([han] if len(han) == 1 else _pairs(han)) if han else read(word)
        if not found:
            return ()
        tokens += found
    return tuple(dict.fromkeys(tokens))[:_QUERY_TOKENS_MAX]


def _runs(text: str) -> list[tuple[str, str]]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return [(run["han"] or "", (run["word"] or "")[:_WORD_LENGTH_MAX]) for run in _RUN.finditer(folded)]


def _pairs(han: Sequence[str]) -> list[str]:
    return [han[index] + han[index + 1] for index in range(len(han) - 1)]
