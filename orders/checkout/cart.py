"""The cart of a person, or of a visitor until she signs in: putting in, changing, looking at it.

A cart holds at most 100 different SKUs, 999 pieces of each. It reserves nothing and promises no
price: what it shows is worked out anew from the server's rows each time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from orders.checkout.cart_view import EMPTY, CartView, view_of
from orders.checkout.items import LINES_MAX, QUANTITY_MAX, Item, check_quantity
from orders.checkout.models import Cart, CartLine
from orders.checkout.queries import goods_of
from orders.checkout.quote import quote
from orders.checkout.rules import problem_of, unit_price_of
from shop.accounts.models import User
from shop.base.errors import Conflict, DomainError, Invalid, NotFound
from shop.base.locks import lock_rows
from shop.base.numbers import token_hash
from shop.stock.actions import OutOfStock

# The cart's row is locked by its own upsert, so two first goods at once make one cart. Lines beyond
# the limits are simply not written; the caller then finds out which limit it was.
_PUT_IN = """
WITH owned AS (
    INSERT INTO checkout_cart (user_id, visitor_hash, updated_at)
    VALUES (%(user_id)s, %(visitor_hash)s, %(now)s)
    ON CONFLICT ({owner}) DO UPDATE SET updated_at = EXCLUDED.updated_at
    RETURNING id
)
INSERT INTO checkout_cartline AS line
    (cart_id, sku_id, store_id, quantity, is_selected, seen_fen, added_at)
SELECT owned.id, %(sku_id)s,
    (SELECT s.id FROM stores_store s JOIN stores_distributor d ON d.id = s.distributor_id
     WHERE s.code = %(store_code)s AND d.state = 'active'),
    %(quantity)s, true, %(seen_fen)s, %(now)s
FROM owned
WHERE (SELECT count(*) FROM checkout_cartline other
       WHERE other.cart_id = owned.id AND other.sku_id <> %(sku_id)s) < %(lines_max)s
ON CONFLICT (cart_id, sku_id) DO UPDATE SET
    quantity = line.quantity + EXCLUDED.quantity,
    store_id = coalesce(EXCLUDED.store_id, line.store_id),
    is_selected = true,
    seen_fen = EXCLUDED.seen_fen
WHERE line.quantity + EXCLUDED.quantity <= %(quantity_max)s
RETURNING quantity
"""


class CartFull(Conflict):
    """The cart holds as much as a cart can."""

    code = "cart_full"


@dataclass(frozen=True, slots=True)
class CartOwner:
    """Whose cart: the person's, or the visitor's while she is nobody yet ("" when she has no key)."""

    user: User | None = None
    visitor_key: str = ""

    @property
    def visitor_hash(self) -> str | None:
        return token_hash(self.visitor_key) if self.user is None and self.visitor_key else None


@dataclass(frozen=True, slots=True)
class TakenOut:
    """What was taken out; putting it in again undoes it."""

    sku_number: str
    quantity: int
    store_code: str


def cart_of(owner: CartOwner) -> QuerySet[CartLine]:
    """Return the lines of an owner's cart, newest first; none for a visitor without a key."""
    lines = CartLine.objects.select_related("sku", "store").order_by("-pk")
    if owner.user is not None:
        return lines.filter(cart__user=owner.user)
    return lines.filter(cart__visitor_hash=owner.visitor_hash) if owner.visitor_key else lines.none()


def piece_count(owner: CartOwner) -> int:
    """Return how many pieces are in the cart."""
    return int(cart_of(owner).order_by().aggregate(pieces=Sum("quantity"))["pieces"] or 0)


def selected_items(owner: CartOwner) -> list[Item]:
    """Return what is chosen to be bought this time."""
    return [item_of(line) for line in cart_of(owner) if line.is_selected]


def item_of(line: CartLine) -> Item:
    """Return a cart line as checkout takes it."""
    return Item(line.sku.number, line.quantity, line.store.code if line.store else "")


def cart_view(owner: CartOwner, *, now: datetime) -> CartView:
    """Return an owner's cart with today's prices. A fixed number of statements, whatever the lines."""
    rows = {row.sku.number: row for row in cart_of(owner)}
    if not rows:
        return EMPTY
    found = quote(
        user=owner.user,
        items=[item_of(row) for row in rows.values()],
        region_code=None,
        visitor_key=owner.visitor_key,
        # What coupons save is said of what is chosen, at the checkout.
        coupons=(),
        now=now,
    )
    return view_of(rows, found)


def put_in(*, owner: CartOwner, sku_number: str, quantity: int, store_code: str = "", now: datetime) -> int:
    """Put pieces of a SKU in, on top of those that are there; return how many there are now.

    ``store_code`` is the store it was seen in; one that is not open counts as none. Two statements.
    Raises ``Invalid`` (quantity), ``NotFound`` (sku_number), ``OutOfStock``, ``Conflict`` with code
    ``off_sale``, :class:`CartFull`.
    """
    check_quantity(quantity)
    _need_owner(owner)
    goods = goods_of([Item(sku_number, quantity, store_code)]).get(sku_number)
    if goods is None:
        raise NotFound(_("There is no such article."), field="sku_number")
    problem = problem_of(goods, wanted=quantity)
    if problem is not None:
        kind: type[DomainError] = OutOfStock if problem.code == "out_of_stock" else Conflict
        extra = {"skus": [{"sku": sku_number, "wanted": quantity, "left": goods.available}]}
        raise kind(str(problem), field="quantity", code=problem.code, extra=extra)
    facts = {
        "user_id": owner.user.pk if owner.user else None,
        "visitor_hash": owner.visitor_hash,
        "sku_id": goods.sku_id,
        "store_code": store_code,
        "quantity": quantity,
        "seen_fen": unit_price_of(goods, store_code=store_code, is_open=True),
        "now": now,
        "lines_max": LINES_MAX,
        "quantity_max": QUANTITY_MAX,
    }
    sql = _PUT_IN.format(owner="user_id" if owner.user else "visitor_hash")
    with connection.cursor() as cursor:
        cursor.execute(sql, facts)
        row = cursor.fetchone()
    if row is None:
        raise _full(owner, goods.sku_id)
    return int(row[0])


def set_quantity(*, owner: CartOwner, sku_number: str, quantity: int, now: datetime) -> None:
    """Change how many pieces of a SKU are wanted. Raises ``Invalid`` (quantity), ``NotFound``."""
    check_quantity(quantity)
    _change(owner, sku_number, {"quantity": quantity}, now)


def select(*, owner: CartOwner, sku_number: str, selected: bool, now: datetime) -> None:
    """Choose whether a SKU is bought this time. Raises ``NotFound``."""
    _change(owner, sku_number, {"is_selected": selected}, now)


def select_all(*, owner: CartOwner, selected: bool, now: datetime) -> int:
    """Choose everything or nothing; return how many lines there are."""
    return cart_of(owner).order_by().select_related(None).update(is_selected=selected)


def take_out(*, owner: CartOwner, sku_number: str, now: datetime) -> TakenOut:
    """Take a SKU out and return what it was. Raises ``NotFound``."""
    line = cart_of(owner).filter(sku__number=sku_number).first()
    if line is None:
        raise _not_there()
    line.delete()
    return TakenOut(sku_number, line.quantity, line.store.code if line.store else "")


def clear(*, owner: CartOwner) -> int:
    """Empty the cart; return how many lines there were."""
    return cart_of(owner).order_by().select_related(None).delete()[0]


def merge_carts(*, visitor_key: str, user: User, now: datetime) -> int:
    """Move a visitor's cart into the person's at sign-in; return how many lines came along.

    Pieces of the same SKU add up, at most 999; the newest lines come along while there is room for
    100. Doing it again does nothing.
    """
    if not visitor_key:
        return 0
    visitor_hash = token_hash(visitor_key)
    if not Cart.objects.filter(visitor_hash=visitor_hash).exists():
        return 0
    with transaction.atomic():
        own, _is_new = Cart.objects.get_or_create(user=user)
        locked = lock_rows(Cart.objects.filter(pk=own.pk) | Cart.objects.filter(visitor_hash=visitor_hash))
        theirs = next((cart for cart in locked if cart.pk != own.pk), None)
        if theirs is None:
            return 0
        mine = {line.sku_id: line for line in own.lines.all()}
        changed: list[CartLine] = []
        added: list[CartLine] = []
        for line in theirs.lines.order_by("-pk"):
            kept = mine.get(line.sku_id)
            if kept is not None:
                kept.quantity = min(kept.quantity + line.quantity, QUANTITY_MAX)
                kept.store_id = line.store_id or kept.store_id
                kept.is_selected = True
                changed.append(kept)
            elif len(mine) + len(added) < LINES_MAX:
                line.pk, line.cart_id = None, own.pk
                added.append(line)
        theirs.delete()
        CartLine.objects.bulk_update(changed, ["quantity", "store", "is_selected"])
        CartLine.objects.bulk_create(reversed(added))
        Cart.objects.filter(pk=own.pk).update(updated_at=now)
        return len(changed) + len(added)


def _change(owner: CartOwner, sku_number: str, values: Mapping[str, int | bool], now: datetime) -> None:
    own = cart_of(owner).order_by().select_related(None).filter(sku__number=sku_number)
    if not own.update(**values):
        raise _not_there()


def _need_owner(owner: CartOwner) -> None:
    # Without a key every visitor would share one cart.
    if owner.user is None and not owner.visitor_key:
        raise Invalid(
            _("Your browser keeps no cookies for us, so it cannot keep a cart. Sign in, or allow cookies."),
            field="visitor_key",
        )


def _not_there() -> NotFound:
    return NotFound(_("This article is not in your cart any more."), field="sku_number")


def _full(owner: CartOwner, sku_id: int) -> CartFull:
    if cart_of(owner).filter(sku_id=sku_id).exists():
        return CartFull(
            _("A cart holds at most %(max)d pieces of one article.") % {"max": QUANTITY_MAX},
            field="quantity",
        )
    return CartFull(
        _("A cart holds at most %(max)d different goods. Take something out first.") % {"max": LINES_MAX},
        field="sku_number",
    )
