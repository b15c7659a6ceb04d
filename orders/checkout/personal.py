"""What lies in a person's cart."""

from datetime import datetime

from orders.checkout.models import Cart, CartLine
from shop.privacy.parts import Part, Row, rows


def _tell(user_id: int) -> dict[str, list[Row]]:
    mine = CartLine.objects.filter(cart__user_id=user_id)
    return {"cart": rows(mine, "sku__product__title", "quantity", "is_selected", "added_at")}


def _erase(user_id: int, now: datetime) -> None:
    Cart.objects.filter(user_id=user_id).delete()


PART = Part(name="cart", tables=frozenset({"checkout.cart"}), tell=_tell, erase=_erase)
