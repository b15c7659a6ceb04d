"""What a place's code says: its level and the places above it. Codes are those of GB/T 2260.

Six digits name province, city and county; nine a township; twelve a village.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

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


def join_names(names: Iterable[str]) -> str:
    """Return the names of a lineage as one writes them on a parcel: ``浙江省 杭州市 西湖区``.

    The standard's place-holders are left out, and so is a name that repeats the one before it.
    """
    written: list[str] = []
    for name in names:
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
