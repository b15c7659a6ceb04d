"""What is true of openings and bonds: who counts as a visitor, when a bond begins. Pure."""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from distributors.links.attribution import BondFact, TouchFact

TOKEN = re.compile(r"[0-9A-Za-z]{8,16}")
VISITOR_KEY = re.compile(r"[0-9A-Za-z_-]{16,64}")

# Programs that fetch a link to draw a preview or an index; nobody has seen it then. Plain HTTP
# libraries are not named: what a person's tool sends is a visit.
_MACHINES = re.compile(
    r"bot\b|bot/|spider|crawler|slurp|facebookexternalhit|whatsapp/|skypeuripreview|"
    r"bingpreview|linkpreview|link-preview|embedly|vkshare|google-read-aloud|mediapartners|"
    r"lighthouse|uptimerobot|prometheus",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Opening:
    """A touch with who opened it: the hash of the visitor's key, and her account if she is signed in."""

    touch: TouchFact
    visitor_hash: str
    user_id: int | None

    def to_json(self) -> str:
        """Return it as one line of text for the buffer."""
        touch = self.touch
        values = [
            touch.number,
            touch.at.isoformat(),
            touch.token,
            touch.store_id,
            touch.store_code,
            touch.product_id,
            touch.channel,
            self.visitor_hash,
            self.user_id,
        ]
        return json.dumps(values, separators=(",", ":"))


def opening_from_json(text: str | bytes) -> Opening:
    """Return what :meth:`Opening.to_json` wrote. Raises ``ValueError`` for anything else."""
    values = json.loads(text)
    if not isinstance(values, list) or len(values) != 9:
        raise ValueError("not an opening")
    number, at, token, store_id, store_code, product_id, channel, visitor_hash, user_id = values
    touch = TouchFact(
        number=str(number),
        at=datetime.fromisoformat(at),
        token=str(token),
        store_id=int(store_id),
        store_code=str(store_code),
        product_id=None if product_id is None else int(product_id),
        channel=str(channel),
    )
    return Opening(touch, str(visitor_hash), None if user_id is None else int(user_id))


def is_machine(user_agent: str) -> bool:
    """Return whether a browser's name is that of a known previewer, crawler or probe."""
    return bool(_MACHINES.search(user_agent))


@dataclass(frozen=True, slots=True)
class BondTerms:
    """How long a new bond is protected and valid."""

    protected: timedelta
    valid: timedelta


def next_bond(*, live: BondFact | None, touch: TouchFact, terms: BondTerms) -> BondFact | None:
    """Return the bond a touch begins, or None when it changes nothing.

    The first touch bonds. Until the protection has passed no touch moves the customer, not even one of
    the same store (it cannot prolong itself by being opened often); afterwards the next touch begins a
    new bond: ``renewed`` with the same store, ``moved`` to another, ``first_touch`` after it expired.
    """
    if live is not None:
        if touch.at < max(live.protected_until, live.started_at):
            return None
        if live.valid_until <= touch.at:
            reason = "first_touch"
        else:
            reason = "renewed" if live.store_id == touch.store_id else "moved"
    else:
        reason = "first_touch"
    return bond_from(touch.store_id, at=touch.at, terms=terms, reason=reason, touch_number=touch.number)


def bond_from(store_id: int, *, at: datetime, terms: BondTerms, reason: str, touch_number: str = "") -> BondFact:
    """Return a bond that begins at ``at``; it is never protected longer than it is valid."""
    valid_until = at + terms.valid
    return BondFact(
        store_id=store_id,
        started_at=at,
        protected_until=min(at + terms.protected, valid_until),
        valid_until=valid_until,
        reason=reason,
        touch_number=touch_number,
    )


def stronger_bond(*, mine: BondFact | None, visitors: BondFact | None, now: datetime) -> str:
    """Return whose bond holds when a visitor turns out to be a person: ``mine``, ``visitors`` or ``""``.

    The person's protected bond wins; else the visitor's if it is valid and began later; else hers.
    """
    mine_holds = mine is not None and now < mine.valid_until
    theirs_holds = visitors is not None and now < visitors.valid_until
    if mine is not None and mine_holds and (now < mine.protected_until or not theirs_holds):
        return "mine"
    if visitors is not None and theirs_holds:
        later = mine is None or not mine_holds or visitors.started_at >= mine.started_at
        return "visitors" if later else "mine"
    return ""
