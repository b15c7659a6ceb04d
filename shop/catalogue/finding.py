"""Where words are found: statements that cost the same for rare words and frequent ones, however large the catalogue.

The index of words has no order and is read whole: of a word that every product has, that is the catalogue. So a frequent
word is not looked up. Lists are walked from their beginning, where a frequent word comes up soon. What is less frequent is
looked up *by stretches* of 16,384 keys, the newest first: every word stands in the index once more with its stretch
behind it (``catalogue_found_by``). What is not found so is rare, and looked up as it is. Each step is taken only if the
ones before did not find enough, and the answer is the same as if all had been read (``tests/properties``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

COLUMNS = "p.id, p.number, p.title, p.subtitle, p.min_retail_fen, p.compare_at_fen, p.sold_count, p.cover"
# PostgreSQL knows little of a small table: of suppliers joined it guesses that hardly any goods are shown, and sorts a
# whole shelf instead. Of a CASE it guesses one half, whatever there is.
SHOWN = """p.state = 'on_sale'
  AND CASE WHEN p.supplier_id = ANY (ARRAY(SELECT id FROM suppliers_supplier WHERE state <> 'active'))
      THEN false ELSE true END"""
SHELVES = """(
    SELECT id FROM catalogue_category
    WHERE id = %(category)s OR parent_id = %(category)s
       OR parent_id IN (SELECT id FROM catalogue_category WHERE parent_id = %(category)s)
) shelf"""

# So many rows of a list are walked, and so many where a word is known to be frequent; stretches looked into; and how many
# of the newest ones' goods make it known.
WALK, LONG_WALK, STRETCHES = 1_000, 4_000, 16
FREQUENT, _FREQUENT_STRETCHES = 400, 2
# So few goods between two prices are looked at one by one.
FEW = 4_000
# What is weighed: of the best-selling and of the newest those that have the words; where that is less than ENOUGH, so many
# of the newest that have them. What fewer than ENOUGH products have is thereby weighed completely.
BEST, ENOUGH = 500, 300

_FOUND_BY = "catalogue_found_by(p.search_text, p.id, p.category_id)"
_ALL = "%(limit)s"
# Whole rows go from step to step; only what is asked for is read of them.
_GOODS = "SELECT p.* FROM catalogue_product p WHERE p.state = 'on_sale'"
_SCORE = """(
    CASE position(%(words)s IN ' ' || lower(p.title)) WHEN 0 THEN 0 WHEN 1 THEN 3000 WHEN 2 THEN 3000 ELSE 2000 END
    + CASE WHEN string_to_array(p.search_text, ' ') @> %(tokens0)s THEN 1000 ELSE 0 END
    + least(500, 50 * ln(1 + p.sold_count))::int
)"""


@dataclass(frozen=True, slots=True)
class Question:
    """What a statement looks for; all but ``ways`` as SQL on a product ``p``.

    ``ways`` is their number: the parameters ``tokens0`` … hold the words of each as an array, ``spelled0`` … as one
    text. ``prices``, ``passes`` (all conditions, prices too) and ``behind`` begin with AND, or are empty. ``place`` is
    the key that a list by age begins behind.
    """

    ways: int
    prices: str
    passes: str
    behind: str
    sorting: str
    place: int | None
    is_down: bool
    has_shelf: bool
    has_supplier: bool

    @property
    def has_words(self) -> str:
        """That a row at hand has the words."""
        ways = (f"string_to_array(p.search_text, ' ') @> %(tokens{way})s" for way in range(self.ways))
        return f"({' OR '.join(ways)})"

    @property
    def in_index(self) -> str:
        """The same, asked of the index."""
        ways = (f"{_FOUND_BY} @> string_to_array({self._spelled(way)}, ' ')" for way in range(self.ways))
        return f"({' OR '.join(ways)})"

    @property
    def in_stretch(self) -> str:
        """The same within ``stretch.number``."""
        mark = "'#' || stretch.number"
        ways = (
            f"{_FOUND_BY} @> string_to_array(replace({self._spelled(way)}, ' ', {mark} || ' ') || {mark}, ' ')"
            for way in range(self.ways)
        )
        return f"({' OR '.join(ways)})"

    def stretches(self, count: int) -> str:
        """So many stretches in the order of the list."""
        end = "max" if self.is_down else "min"
        edge = f"SELECT {end}(id) FROM catalogue_product WHERE state = 'on_sale'"
        first = f"({edge if self.place is None else 'SELECT %(place0)s::bigint'}) >> 14"
        last, step = (f"greatest(0, ({first}) - {count - 1})", -1) if self.is_down else (f"({first}) + {count - 1}", 1)
        return f"generate_series({first}, {last}, {step}) stretch (number)"

    def _spelled(self, way: int) -> str:
        # One shelf is a word like others; those above it have many.
        return f"%(spelled{way})s || (SELECT word FROM shelf_word)" if self.has_shelf else f"%(spelled{way})s"

    @property
    def many(self) -> str:
        """That there are many goods between the prices asked for; known before anything is read."""
        return f"(SELECT found FROM priced) > {FEW}" if self.prices else "true"

    def begun(self) -> str:
        """The beginning of the statement."""
        told = []
        if self.has_shelf:
            word = "CASE WHEN count(*) = 1 THEN ' @' || min(id) ELSE '' END"
            told.append(f"shelf_word AS MATERIALIZED (SELECT {word} AS word FROM {SHELVES}),")
        if self.prices:
            priced = f"SELECT FROM catalogue_product p WHERE p.state = 'on_sale'{self.prices} LIMIT {FEW + 1}"
            told.append(f"priced AS MATERIALIZED (SELECT count(*) AS found FROM ({priced}) priced),")
        return f"WITH {' '.join(told)}"


def params_of(ways: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return the parameters that the statements want for these ways to read a question."""
    return {f"tokens{way}": list(words) for way, words in enumerate(ways)} | {
        f"spelled{way}": " ".join(words) for way, words in enumerate(ways)
    }


def by_age(asked: Question) -> str:
    """Return the statement of a list in the order of keys."""
    if asked.has_supplier:
        return _read_whole(asked)
    after_walk, after_stretches = _less_than("walk", _ALL), _less_than("stretches", _ALL)
    walk = _walk(asked, f"{_GOODS}{asked.behind}", WALK, asked.sorting, _ALL)
    stretches = _by_stretches(asked, after_walk, _ALL)
    rest = _looked_up(asked, f"{after_walk} AND {after_stretches}", _ALL) + _or_few(asked, after_walk, _ALL)
    return f"""{asked.begun()}
walk AS MATERIALIZED ({walk}),
stretches AS MATERIALIZED ({stretches}),
rest AS ({rest})
SELECT * FROM (
    SELECT * FROM walk WHERE (SELECT count(*) FROM walk) = %(limit)s
    UNION ALL SELECT * FROM stretches WHERE (SELECT count(*) FROM stretches) = %(limit)s
    UNION ALL SELECT * FROM rest
) p"""


def by_figure(asked: Question, *, is_of_prices: bool) -> str:
    """Return the statement of a list in the order of sales or prices."""
    if asked.has_supplier:
        return _read_whole(asked)
    newest = replace(asked, place=None, is_down=True)
    in_newest = f"{_GOODS} AND {newest.in_stretch} OFFSET 0"
    found = f"SELECT FROM {newest.stretches(_FREQUENT_STRETCHES)} CROSS JOIN LATERAL ({in_newest}) p LIMIT {FREQUENT}"
    rows = f"{_GOODS}{asked.behind}{asked.prices if is_of_prices else ''}"
    walk = _walk(asked, rows, LONG_WALK, asked.sorting, _ALL, f"AND (SELECT found FROM probe) >= {FREQUENT}")
    rest = _looked_up(asked, _less_than("walk", _ALL), _ALL) + _or_few(asked, _less_than("walk", _ALL), _ALL)
    return f"""{asked.begun()}
probe AS MATERIALIZED (SELECT count(*) AS found FROM ({found}) found),
walk AS MATERIALIZED ({walk}),
rest AS ({rest})
SELECT * FROM (
    SELECT * FROM walk WHERE (SELECT count(*) FROM walk) = %(limit)s
    UNION ALL SELECT * FROM rest
) p"""


def by_relevance(asked: Question) -> str:
    """Return the statement of what fits best, as a table ``p`` with its ``relevance`` that conditions can follow."""
    score = f", {_SCORE} AS relevance"
    is_little = f"(SELECT count(*) FROM best) + (SELECT count(*) FROM newest) < {ENOUGH}"
    best = _walk(asked, _GOODS, BEST, "p.sold_count DESC, p.id DESC", str(BEST), more=score)
    newest = _walk(asked, _GOODS, WALK, "p.id DESC", str(ENOUGH), more=score)
    steps = {"best": best, "newest": newest}
    if asked.has_supplier:
        steps["rest"] = f"{_read_whole(asked, score)} AND {is_little} ORDER BY p.id DESC LIMIT {ENOUGH}"
    else:
        steps["stretches"] = _by_stretches(asked, is_little, str(ENOUGH), score)
        steps["rest"] = _looked_up(asked, f"{is_little} AND {_less_than('stretches', str(ENOUGH))}", str(ENOUGH), score)
        steps["rest"] += _or_few(asked, is_little, str(ENOUGH), score)
    told = ",\n".join(f"{name} AS MATERIALIZED ({step})" for name, step in steps.items())
    pool = " UNION ALL ".join(f"SELECT * FROM {name}" for name in steps)
    return (
        f"{asked.begun()} {told} SELECT * FROM (SELECT DISTINCT ON (id) * FROM ({pool}) pool ORDER BY id) p WHERE true"
    )


def _less_than(step: str, limit: str) -> str:
    return f"(SELECT count(*) FROM {step}) < {limit}"


def _read_whole(asked: Question, more: str = "") -> str:
    """One supplier's goods are few; PostgreSQL knows how few."""
    conditions = f"{SHOWN} AND {asked.has_words}{asked.passes}{asked.behind}"
    return f"SELECT {COLUMNS}{more} FROM catalogue_product p WHERE {conditions}"


def _walk(asked: Question, rows: str, most: int, order: str, limit: str, also: str = "", *, more: str = "") -> str:
    return f"""
    SELECT {COLUMNS}{more} FROM ({rows} ORDER BY {order} LIMIT {most}) p
    WHERE {asked.has_words} AND {SHOWN}{asked.passes} {also} ORDER BY {order} LIMIT {limit}"""


def _by_stretches(asked: Question, when: str, limit: str, more: str = "") -> str:
    # Each stretch is put in order by itself, one after the other: the first rows are those of the whole list. All
    # conditions stand inside, with the order: a join of theirs (what is in stock) may put rows in another.
    goods = f"{_GOODS} AND {asked.in_stretch}{asked.behind} ORDER BY {asked.sorting} OFFSET 0"
    passing = f"""
    SELECT {COLUMNS}{more} FROM ({goods}) p WHERE {SHOWN}{asked.passes} ORDER BY {asked.sorting} LIMIT {limit}"""
    return f"""
    SELECT p.* FROM {asked.stretches(STRETCHES)} CROSS JOIN LATERAL ({passing}) p
    WHERE {when} AND {asked.many} LIMIT {limit}"""


def _looked_up(asked: Question, when: str, limit: str, more: str = "") -> str:
    # Fenced by OFFSET 0: beside other conditions PostgreSQL would guess where to begin, and it knows no word's frequency.
    return f"""
    (SELECT {COLUMNS}{more} FROM ({_GOODS} AND {asked.in_index}{asked.behind} OFFSET 0) p
    WHERE {when} AND {asked.many} AND {SHOWN}{asked.passes} ORDER BY {asked.sorting} LIMIT {limit})"""


def _or_few(asked: Question, when: str, limit: str, more: str = "") -> str:
    """Where there are only a few goods between the prices asked for, they are looked at instead of the words."""
    if not asked.prices:
        return ""
    return f"""
    UNION ALL (SELECT {COLUMNS}{more} FROM ({_GOODS}{asked.prices}{asked.behind} OFFSET 0) p
    WHERE {when} AND NOT {asked.many} AND {asked.has_words} AND {SHOWN}{asked.passes}
    ORDER BY {asked.sorting} LIMIT {limit})"""
