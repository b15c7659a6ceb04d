"""What the referee looks at after a round: the trade's own proofs, one by one, and what happened more than once."""

from django.db import connection

from orders.flow.verification import CHECKS, _facts
from shop.ledger.proof import find
from tests import world
from tests.distributors.sellers import rows

_BY_NAME = {check.name: check for check in CHECKS}
# A state some lives come back to; in all others each edge is taken once.
_REPEATED = ("withdrawal", "commission")

# Messages that an order is worth once; others may repeat with the same facts, for another line or part.
_ONCE = ("order_paid", "order_cancelled", "order_expired", "late_payment_refunded", "commission_accrued")


def found(*names: str) -> list[str]:
    """Return what these checks of ``verify_all`` find now."""
    checks = [_BY_NAME[name] for name in names]
    with connection.cursor() as cursor:
        return [f"{one.check}: {one.subject} {one.detail}" for one in find(cursor, checks, _facts(world.now()))]


def doubled() -> list[str]:
    """Return the steps of lives, and the messages to people, that happened twice."""
    steps = rows(
        "SELECT subject, source || ' → ' || target, count(*) FROM states_statechange"
        " WHERE split_part(subject, ':', 1) <> ALL(%s) OR target = 'settled'"
        " GROUP BY 1, 2 HAVING count(*) > 1",
        list(_REPEATED),
    )
    told = rows(
        "SELECT kind, facts::text, count(*) FROM notifications_notification"
        " WHERE kind = ANY(%s) GROUP BY user_id, kind, facts HAVING count(*) > 1",
        list(_ONCE),
    )
    return [f"{count} times: {what} {which}" for what, which, count in [*steps, *told]]
