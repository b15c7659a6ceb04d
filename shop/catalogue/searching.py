"""Help for somebody who searches: what she may be about to type, and what comes near when nothing is found.

Every answer costs the same, however many products there are.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from shop.catalogue.listing import RELEVANCE, Listed, Wish, products_on_sale
from shop.catalogue.models import Category, Product
from shop.catalogue.queries import category_tree
from shop.catalogue.rules import closeness, near_questions, questions, spelled_out
from shop.catalogue.states import ProductState

PRODUCTS_MAX = 6
SHELVES_MAX = 3
# Near words are looked for among the shelves and so many of the best-selling products.
_KNOWN_MAX = 500
_NEAR_ENOUGH, _NEARER_BY = 0.65, 0.12


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A shelf or a product that what is typed may be about; ``text`` is to be shown, ``number`` a product's."""

    text: str
    category: Category | None = None
    number: str = ""


def suggestions(text: str) -> list[Suggestion]:
    """Return what ``text`` may become: shelves by their names, then products. Two statements."""
    ways = questions(text, is_unfinished=True)
    if not ways:
        return []
    typed = spelled_out(text)
    shelves = [one for one in _shelves() if _is_beginning(typed, text.casefold(), one)]
    wish = Wish(words=text, ways=ways)
    products = products_on_sale(wish, order=RELEVANCE, limit=PRODUCTS_MAX)
    return [Suggestion(one.name, category=one) for one in shelves[:SHELVES_MAX]] + [
        Suggestion(one.title, number=one.number) for one in products
    ]


def near_products(wish: Wish, *, limit: int) -> list[Listed]:
    """Return what comes near to a question that finds nothing: what sounds alike, what has all of it but a piece."""
    ways = near_questions(wish.words)
    return products_on_sale(replace(wish, ways=ways), order=RELEVANCE, limit=limit) if ways else []


def nearest_words(text: str, *, limit: int) -> list[Suggestion]:
    """Return shelves and well-known products whose names are spelled almost like ``text``, the nearest first.

    Two statements; letters are compared, so a mistyped pinyin and a mistaken character count little.
    """
    typed = spelled_out(text)
    if len(typed) < 2:
        return []
    best = Product.objects.filter(state=ProductState.ON_SALE).order_by("-sold_count", "-pk")
    titles = best.values_list("title", "number")[:_KNOWN_MAX]
    known = [Suggestion(one.name, category=one) for one in _shelves()]
    known += [Suggestion(title, number=number) for title, number in titles]
    measured = sorted(
        ((closeness(typed, spelled_out(one.text)), place, one) for place, one in enumerate(known)),
        key=lambda one: (-one[0], one[1]),
    )
    least = max(_NEAR_ENOUGH, measured[0][0] - _NEARER_BY) if measured else 1
    return [one for near, _place, one in measured[:limit] if near >= least]


def _shelves() -> Iterable[Category]:
    todo = category_tree()
    while todo:
        node = todo.pop(0)
        yield node.category
        todo += node.below


def _is_beginning(typed: str, text: str, category: Category) -> bool:
    names = [category.name.casefold(), category.name_en.casefold()]
    return any(text in name for name in names) or spelled_out(category.name).startswith(typed)
