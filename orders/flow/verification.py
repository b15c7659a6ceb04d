"""The proof of the trade: every book against every other. Used by ``verify_all``.

Nothing is locked and nothing is written. Run it on a quiet system or read its findings twice: a trade
that is being booked at this very moment shows in some books before others only within one transaction,
so each check, being one statement, sees whole trades.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from orders.flow.proofs import coupons, earnings, goods, payments, personal, relations, work
from shop.ledger import verification as books
from shop.ledger.proof import Finding, Proof, find

LATE = timedelta(minutes=10)
"""How long after its time a piece of due work may lie there."""

CHECKS = [*payments.CHECKS, *earnings.CHECKS, *coupons.CHECKS, *goods.CHECKS, *work.CHECKS, *relations.CHECKS]
INVARIANTS: Mapping[str, str] = {
    **{number: books.INVARIANTS[number] for number in ("M1", "M2", "M3", "M4", "M5", "M6")},
    "M7": "an order costs what its parts and lines cost, and exactly that was paid",
    "M8": "nothing is refunded twice or above what was paid",
    "M9": "an order's money is divided to the last fen, and refunds take it back from everybody",
    "M10": "commissions have two levels at most and stay within the line's pool",
    "M11": "a refunded piece leaves no commission, also after it was settled or paid out",
    "M12": "nobody earns from what she buys herself",
    "M13": "states move along their tables only, and money settles after the return window",
    "M14": "what anybody earned is frozen, available, on its way, paid, or taken back",
    "M15": "a withdrawal is paid once, under one number",
    "M16": "an event of the gateway is applied once",
    "M17": "our account at the gateway is payments less refunds and payouts (`reconcile` compares with its own book)",
    "M20": "coupons give no more than their limits, line by line as they say, and come back with the order",
    "M21": "the same key, caller and request have one effect",
    "M22": books.INVARIANTS["M22"],
    "S1": "pieces received are on hand, reserved or sold, less those that came back",
    "S2": "what is reserved is what open reservations hold",
    "S3": "nothing is sold that was not there",
    "S4": "a reservation ends once: sold or released",
    "S5": "a paid order has its goods, or its money goes back",
    "W1": "whatever is meant to happen is written down with its cause",
    "W2": "due work is done in time, or set aside with its reason",
    "W3": "long waits are due times in tables, never delayed tasks",
    "R1": "nobody has two recruiters or recruited herself",
    "R2": "commissions follow the relation the order line was placed with",
    "P1": "personal data are sealed; a dump shows none of them",
}


def verify_all(*, now: datetime) -> list[Finding]:
    """Return everything that is off, in the books and between them; an empty list means all holds."""
    return list(prove_all(now=now).findings)


def prove_all(*, now: datetime) -> Proof:
    """Return what :func:`verify_all` finds together with what was looked at."""
    of_books = books.prove()
    asked = [*CHECKS, *personal.checks()]
    checks = [*of_books.checks, *((check.name, check.proves) for check in asked)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '1h'")
        return Proof(checks, [*of_books.findings, *find(cursor, asked, _facts(now))])


def _facts(now: datetime) -> dict[str, Any]:
    lives, sources, targets = zip(*relations.EDGES, strict=True)
    return {
        "late_at": now - LATE,
        "edge_lives": list(lives),
        "edge_sources": [str(source) for source in sources],
        "edge_targets": [str(target) for target in targets],
        "triggers": relations.TRIGGERS,
        "constraints": relations.CONSTRAINTS,
    }
