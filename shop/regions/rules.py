"""What a place's code says: its level and the places above it. Codes are those of GB/T 2260.

Six digits name province, city and county; nine a township; twelve a village.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

PROVINCE, CITY, COUNTY, TOWNSHIP, VILLAGE = 1, 2, 3, 4, 5

_LENGTHS = {6: COUNTY, 9: TOWNSHIP, 12: VILLAGE}

# The standard's place-holders between a province and the counties it governs itself: nobody writes
# them on a parcel.
PLACEHOLDER_NAMES = frozenset({"省直辖县级行政区划", "自治区直辖县级行政区划", "市辖区", "县"})


@dataclass(frozen=True, slots=True)
class Place:
    """One line of a table of places."""

    code: str
    name: str


def is_code(code: str) -> bool:
    """Whether this can be the code of a place."""
    return len(code) in _LENGTHS and code.isascii() and code.isdigit() and not code.startswith("0")


def level_of(code: str) -> int:
    """Return the level a code stands for, 1 to 5. Raises ``ValueError`` for what is no code."""
    if not is_code(code):
        raise ValueError(f"{code!r} is not the code of a place")
    if len(code) == 6:
        if code.endswith("0000"):
            return PROVINCE
        return CITY if code.endswith("00") else COUNTY
    return _LENGTHS[len(code)]


def lineage(code: str) -> list[str]:
    """Return the codes from the province down to ``code`` itself, as the code alone tells them.

    A city without counties (Dongguan, say) makes the list one shorter.
    Raises ``ValueError`` for what is no code.
    """
    level_of(code)
    steps = [code[:2] + "0000", code[:4] + "00", code[:6], code[:9], code[:12]]
    known = [step for step in steps if len(step) <= len(code)]
    return list(dict.fromkeys(known[: known.index(code) + 1]))


def is_extra_county(code: str, standard: Collection[str]) -> bool:
    """Whether a code of the statistics bureau's table of counties is a place beside those of the standard.

    The bureau numbers development zones and the like from 51 to 80 within their city; people live there and
    write them on parcels. A city that the standard leaves without counties gets the bureau's one.
    What else the standard does not know was dissolved since.
    """
    if len(code) != 6 or code in standard:
        return False
    city = code[:4]
    if city + "00" not in standard:
        return False
    return "51" <= code[4:] <= "80" or not any(each[:4] == city and each[4:] != "00" for each in standard)


def without_county(name: str, county: str) -> str:
    """Return a township's name without the county's that some tables put before it: ``五龙口镇`` for ``济源市五龙口镇``."""
    short = name.removeprefix(county)
    return short if len(short) >= 3 else name


def join_names(names: Iterable[str]) -> str:
    """Return the names of a lineage as one writes them on a parcel: ``浙江省 杭州市 西湖区``.

    The standard's place-holders are left out, and so is a name that repeats the one before it; a village
    stands without its committee.
    """
    written: list[str] = []
    for full in names:
        name = _village_name(full)
        if name not in PLACEHOLDER_NAMES and (not written or written[-1] != name):
            written.append(name)
    return " ".join(written)


def places_of(areas: Iterable[Mapping[str, Any]]) -> list[Place]:
    """Return the places of a nested table (province, city, county; short codes) with six-digit codes.

    The table leaves out the city between a municipality, or a province, and the counties it
    governs itself; that level is put in, so that every county has a city above it.
    """
    places: dict[str, Place] = {}
    for province in areas:
        province_code = _TAIWAN if not province["code"].isdigit() else province["code"].ljust(6, "0")
        places[province_code] = Place(province_code, province["name"])
        for child in province.get("children", ()):
            city_code = child["code"][:4] + "00"
            if len(child["code"]) == 4:
                places[city_code] = Place(city_code, child["name"])
                for county in child.get("children", ()):
                    places[county["code"]] = Place(county["code"], county["name"])
            else:
                places.setdefault(city_code, Place(city_code, _missing_city(province, city_code)))
                places[child["code"]] = Place(child["code"], child["name"])
    return list(places.values())


# The table has a remark where Taiwan's code should be.
_TAIWAN = "710000"


def _missing_city(province: Mapping[str, Any], city_code: str) -> str:
    name: str = province["name"]
    if province["type"] == "直辖市":
        return name if city_code[2:4] == "01" else "县"
    return "自治区直辖县级行政区划" if name.endswith("自治区") else "省直辖县级行政区划"


# --- an address as people paste it ---------------------------------------------------------------------------------------

_PHONE = re.compile(r"(?<!\d)(?:\+?86[-\s]?)?(1[3-9]\d[-\s]?\d{4}[-\s]?\d{4})(?!\d)")
_LABEL = re.compile(
    r"(收货人|收件人|联系人|姓名|手机号码?|电话|联系方式|所在地区|地区|详细地址|收货地址|地址)\s*[:：]?"
)
_BETWEEN = re.compile(r"[\s,，;；、|/]+")
_ENDINGS = (
    "维吾尔自治区", "壮族自治区", "回族自治区", "特别行政区", "自治区", "自治州", "自治县", "地区", "街道", "省", "市", "区", "县", "盟", "旗", "镇", "乡",
)  # fmt: skip
_NAME_LENGTH_MAX = 12
# Counties with longer names exist (双江拉祜族佤族布朗族傣族自治县 has 15 characters).
COUNTY_NAME_LENGTH_MAX = 20
_COMMITTEES = {
    "街道办事处": "街道", "社区居民委员会": "社区", "社区居委会": "社区", "社区委员会": "社区", "村村民委员会": "村", "村村委会": "村",
    "村民委员会": "村", "村委会": "村",
}  # fmt: skip
_STREET_WORDS = ("路", "街", "大道", "大街", "巷", "弄", "里", "支路")


class _PlaceLike(Protocol):
    """What has a name on one of the five levels."""

    @property
    def name(self) -> str: ...

    @property
    def level(self) -> int: ...


_Named = TypeVar("_Named", bound=_PlaceLike)


@dataclass(frozen=True, slots=True)
class PastedParts:
    """What a pasted text says apart from the place: phone and name ("" for none), and the pieces that may hold the place."""

    phone: str
    name: str
    pieces: tuple[str, ...]


def short_name(name: str) -> str:
    """Return a place's name without its ending, as people write it: ``浙江`` for ``浙江省``; two characters at least."""
    for ending in _ENDINGS:
        if name.endswith(ending) and len(name) - len(ending) >= 2:
            return name.removesuffix(ending)
    return name


def _village_name(name: str) -> str:
    """Return the name of a village or township without the committee or office that governs it."""
    for ending, kept in _COMMITTEES.items():
        if name.endswith(ending) and len(name) > len(ending):
            return name.removesuffix(ending) + kept
    return name


def written_names(name: str, level: int) -> list[str]:
    """Return a place's name and the shorter forms that people write, the longest first.

    A village is written without its committee: ``东岳社区`` for ``东岳社区居委会``, ``和平村`` for ``和平村委会``.
    Townships and villages keep the word that says what they are, for without it they might be a street.
    """
    if level < TOWNSHIP:
        return list(dict.fromkeys((name, short_name(name))))
    return list(dict.fromkeys((name, _village_name(name))))


def first_named(text: str, places: Iterable[_Named], *, is_sure: bool = False) -> tuple[_Named, str] | None:
    """Return the place whose name a text begins with, and what follows; the longest name wins.

    None when there is none, or (``is_sure``) when two have that name. What goes on as a street is no short name:
    ``西湖路`` is not ``西湖区``.
    """
    matches: list[tuple[int, _Named]] = []
    for place in places:
        for written in written_names(place.name, place.level):
            is_whole = written == place.name
            if text.startswith(written) and (is_whole or not text[len(written) :].startswith(_STREET_WORDS)):
                matches.append((len(written), place))
                break
    if not matches:
        return None
    longest = max(length for length, _place in matches)
    best = [place for length, place in matches if length == longest]
    return None if is_sure and len(best) > 1 else (best[0], text[longest:])


def read_pasted(text: str) -> PastedParts:
    """Take phone and name out of a pasted address.

    The name is the shortest piece without digits, at an end of the text, that does not go on like an address.
    """
    found = _PHONE.search(text)
    phone = re.sub(r"\D", "", found[1]) if found else ""
    rest = _LABEL.sub(" ", text[: found.start()] + " " + text[found.end() :] if found else text)
    pieces = [piece for piece in _BETWEEN.split(rest) if piece]
    names = [
        piece
        for piece in (pieces[:1] + pieces[-1:] if len(pieces) > 1 else [])
        if 1 < len(piece) <= _NAME_LENGTH_MAX and not re.search(r"[\d省市区县镇乡村路街号室栋]", piece)
    ]
    name = min(names, key=len, default="")
    if name:
        pieces.remove(name)
    return PastedParts(phone, name, tuple(pieces))
