"""Whose sale is it, and why? Pure over touches, the bond and the stores.

The rules, line by line (product.md 3.3):

1. Only touches inside the window count, and only of stores that are active at this moment and do not
   belong to the buyer or to another account of hers.
2. A link to a product credits that product's line and no other; the newest such touch wins the line.
   Only a store that holds a protected bond and has itself shown her that product stands above it.
3. Other lines: a protected bond beats every newer touch of another store; without one the last touch
   of a store link wins; else a bond that is still valid; an expired bond loses.
4. A buyer with an active store of her own is nobody's customer: bonds do not count. Unless another
   store's touch is newer, she buys from herself, and her level 1 share is a price cut.

Every candidate is named in the evidence with its verdict, so that the answer can be shown to anyone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

SELF_PURCHASE_DISCOUNT = "discount"
SELF_PURCHASE_OFF = "off"
# A distributor's coupon code that was entered is a touch of her store, without a link.
CODE_CHANNEL = "code"


@dataclass(frozen=True, slots=True)
class TouchFact:
    """One opening of a share link. ``product_id`` is None for a link to the whole store."""

    number: str
    at: datetime
    token: str
    store_id: int
    store_code: str
    product_id: int | None
    channel: str


@dataclass(frozen=True, slots=True)
class BondFact:
    """The customer's latest bond; protected before ``protected_until``, valid before ``valid_until``."""

    store_id: int
    started_at: datetime
    protected_until: datetime
    valid_until: datetime
    reason: str
    touch_number: str = ""


@dataclass(frozen=True, slots=True)
class StoreFact:
    """A store as it is now. ``is_buyers``: its owner is the buyer, or another account of the same person.

    ``referrer_store_id`` is the store that earns level 2: only if it is active, and not the buyer's.
    """

    code: str
    is_active: bool
    owner_user_id: int
    is_buyers: bool = False
    grade: str = "standard"
    referrer_store_id: int | None = None
    referrer_store_code: str = ""


@dataclass(frozen=True, slots=True)
class CreditFacts:
    """All that is known when an order is placed. ``touches`` are newest first."""

    now: datetime
    buyer_user_id: int | None
    lines: Sequence[tuple[int, int]]
    touches: Sequence[TouchFact]
    bond: BondFact | None
    stores: Mapping[int, StoreFact]
    touch_window: timedelta
    self_purchase: str = SELF_PURCHASE_DISCOUNT


@dataclass(frozen=True, slots=True)
class Credit:
    """Whose sale a line is. ``store_id`` is None when nobody's; ``referrer_store_id`` earns level 2.

    ``evidence`` holds every candidate as a plain dict: what, store, at, verdict (and touch or product).
    """

    store_id: int | None
    reason: str
    touch_numbers: tuple[str, ...] = ()
    evidence: list[dict[str, Any]] = field(default_factory=list)
    is_self_purchase: bool = False
    referrer_store_id: int | None = None


def credit(*, facts: CreditFacts) -> dict[int, Credit]:
    """Return for each line key whose sale it is, with the reason and all evidence.

    Reasons: ``product_touch``, ``protected_bond``, ``coupon_code``, ``last_touch``, ``own_store``, ``bond``, ``none``.
    """
    own_store_id = _own_active_store(facts)
    newest_first = sorted(facts.touches, key=lambda touch: (touch.at, touch.number), reverse=True)
    touches = [(touch, _touch_flaw(touch, facts)) for touch in newest_first]
    bond_flaw = _bond_flaw(facts, own_store_id)
    return {line: _credit_line(product_id, facts, touches, bond_flaw, own_store_id) for line, product_id in facts.lines}


def _own_active_store(facts: CreditFacts) -> int | None:
    """Return the store the buyer may save money in: active, and of this very account."""
    if facts.self_purchase != SELF_PURCHASE_DISCOUNT or facts.buyer_user_id is None:
        return None
    for store_id, store in facts.stores.items():
        if store.owner_user_id == facts.buyer_user_id and store.is_active:
            return store_id
    return None


def _touch_flaw(touch: TouchFact, facts: CreditFacts) -> str:
    """Return why a touch cannot count at all; empty when it can."""
    if touch.at > facts.now:
        return "in_the_future"
    if touch.at <= facts.now - facts.touch_window:
        return "outside_window"
    return _store_flaw(facts.stores.get(touch.store_id), facts)


def _store_flaw(store: StoreFact | None, facts: CreditFacts) -> str:
    if store is None or not store.is_active:
        return "store_not_active"
    if not store.is_buyers and store.owner_user_id != facts.buyer_user_id:
        return ""
    is_own = store.owner_user_id == facts.buyer_user_id
    # Another account of the same person may earn nothing, nor save anything.
    return "" if is_own and facts.self_purchase == SELF_PURCHASE_DISCOUNT else "buyers_own_store"


def _bond_flaw(facts: CreditFacts, own_store_id: int | None) -> str:
    if facts.bond is None:
        return "no_bond"
    if own_store_id is not None:
        return "buyer_has_own_store"
    if facts.bond.valid_until <= facts.now:
        return "expired"
    if facts.bond.started_at > facts.now:
        return "in_the_future"
    store = facts.stores.get(facts.bond.store_id)
    flaw = _store_flaw(store, facts)
    if not flaw and store is not None and store.owner_user_id == facts.buyer_user_id:
        return "buyers_own_store"
    return flaw


def _credit_line(
    product_id: int,
    facts: CreditFacts,
    touches: Sequence[tuple[TouchFact, str]],
    bond_flaw: str,
    own_store_id: int | None,
) -> Credit:
    good = [touch for touch, flaw in touches if not flaw]
    shown = [touch for touch in good if touch.product_id == product_id]
    general = [touch for touch in good if touch.product_id is None]
    bond = facts.bond if not bond_flaw else None
    is_protected = bond is not None and facts.now < bond.protected_until
    winner: TouchFact | None = None
    store_id: int | None = None
    if shown:
        reason, winner = "product_touch", shown[0]
        if bond is not None and is_protected:
            kept = next((touch for touch in shown if touch.store_id == bond.store_id), None)
            if kept is not None and kept is not winner:
                reason, winner = "protected_bond", kept
    elif bond is not None and is_protected:
        reason, store_id = "protected_bond", bond.store_id
        if general and general[0].channel == CODE_CHANNEL and general[0].store_id == store_id:
            # The bond's own store: its word, just given, says more than the bond it may have begun.
            reason, winner = "coupon_code", general[0]
    elif general:
        winner = general[0]
        reason = "coupon_code" if winner.channel == CODE_CHANNEL else "last_touch"
    elif own_store_id is not None:
        reason, store_id = "own_store", own_store_id
    elif bond is not None:
        reason, store_id = "bond", bond.store_id
    else:
        reason = "none"
    if winner is not None:
        store_id = winner.store_id
    is_own = store_id is not None and store_id == own_store_id
    if is_own:
        reason = "own_store"
    numbers: tuple[str, ...] = (winner.number,) if winner else ()
    if not numbers and store_id is not None and bond is not None and store_id == bond.store_id:
        numbers = (bond.touch_number,) if bond.touch_number else ()
    return Credit(
        store_id=store_id,
        reason=reason,
        touch_numbers=numbers,
        evidence=_evidence(product_id, facts, touches, bond_flaw, winner, store_id, reason),
        is_self_purchase=is_own,
        referrer_store_id=facts.stores[store_id].referrer_store_id if store_id is not None else None,
    )


def _evidence(
    product_id: int,
    facts: CreditFacts,
    touches: Sequence[tuple[TouchFact, str]],
    bond_flaw: str,
    winner: TouchFact | None,
    store_id: int | None,
    reason: str,
) -> list[dict[str, Any]]:
    """Return every candidate with its verdict, touches first (newest first), then bond and own store."""
    found: list[dict[str, Any]] = []
    for touch, flaw in touches:
        verdict = flaw or _touch_verdict(touch, product_id, winner, reason)
        found.append(
            {
                "what": _what(touch),
                "store": touch.store_code,
                "at": touch.at.isoformat(),
                "touch": touch.number,
                "channel": touch.channel,
                "verdict": verdict,
            }
        )
    bond = facts.bond
    if bond is not None:
        known = facts.stores.get(bond.store_id)
        found.append(
            {
                "what": "bond",
                "store": known.code if known else "",
                "at": bond.started_at.isoformat(),
                "protected_until": bond.protected_until.isoformat(),
                "valid_until": bond.valid_until.isoformat(),
                "verdict": bond_flaw or _bond_verdict(bond, store_id, reason),
            }
        )
    if reason == "own_store" and store_id is not None and winner is None:
        own = facts.stores[store_id].code
        found.append({"what": "own_store", "store": own, "at": facts.now.isoformat(), "verdict": "won"})
    return found


def _what(touch: TouchFact) -> str:
    if touch.channel == CODE_CHANNEL:
        return "coupon_code"
    return "store_touch" if touch.product_id is None else "product_touch"


def _touch_verdict(touch: TouchFact, product_id: int, winner: TouchFact | None, reason: str) -> str:
    if winner is touch:
        return "won"
    if touch.product_id is not None and touch.product_id != product_id:
        return "another_product"
    if reason == "protected_bond":
        return "bond_is_protected"
    if winner is not None and touch.product_id is None and winner.product_id is not None:
        return "product_link_is_closer"
    return "older"


def _bond_verdict(bond: BondFact, store_id: int | None, reason: str) -> str:
    if reason in ("protected_bond", "bond"):
        return "won"
    if bond.store_id == store_id:
        return "same_store"
    return "product_link_is_closer" if reason == "product_touch" else "later_touch_wins"
