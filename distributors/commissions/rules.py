"""The arithmetic of commissions: which rate applies, how a line is split, what a refund leaves. Pure.

Amounts are whole fen, rates basis points. A commission is always rounded down; what rounding leaves
over stays with the platform.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shop.base.money import proportion, share_bp

# The most specific scope first: the first one that has a rule decides.
PRECEDENCE = ("campaign", "sku", "product", "category", "supplier", "grade", "global")


@dataclass(frozen=True, slots=True)
class RuleFact:
    """A dated rate: from ``effective_from`` on, before ``effective_until`` (None: until superseded)."""

    number: str
    scope: str
    scope_key: str
    level1_bp: int
    level2_bp: int
    effective_from: datetime
    effective_until: datetime | None = None
    funding: str = "margin"
    version: int = 1

    def applies_at(self, now: datetime) -> bool:
        return self.effective_from <= now and (self.effective_until is None or now < self.effective_until)


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """What the choice of a rule may look at for one line.

    ``category_codes`` begin with the product's own category and climb to the root; ``grade`` is the
    grade of the store credited at level 1, empty when nobody is.
    """

    line: int
    sku_number: str
    product_number: str
    category_codes: tuple[str, ...]
    supplier_code: str
    grade: str = ""
    campaign: str = ""

    def scopes(self) -> list[tuple[str, str]]:
        """Return every (scope, key) whose rule could apply, the most specific first."""
        found = [
            ("campaign", self.campaign),
            ("sku", self.sku_number),
            ("product", self.product_number),
            *(("category", code) for code in self.category_codes),
            ("supplier", self.supplier_code),
            ("grade", self.grade),
        ]
        return [(scope, key) for scope, key in found if key] + [("global", "")]


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of a line, and the rule they come from; all zero when no rule applies."""

    level1_bp: int = 0
    level2_bp: int = 0
    rule_number: str = ""
    funding: str = "margin"


NO_RATES = Rates()


@dataclass(frozen=True, slots=True)
class LineSplit:
    """How what a customer paid for a line is divided: level 1, level 2, and the pool they come from.

    ``supplier_fen`` is what the supplier earns; lower than what was asked for only under a rule the
    supplier funds. ``capped`` says that the margin did not suffice for the full rates.
    """

    level1_fen: int
    level2_fen: int
    pool_fen: int
    supplier_fen: int
    capped: bool


@dataclass(frozen=True, slots=True)
class SaleLine:
    """One paid line as its order keeps it: who is credited, at which frozen rates and amounts.

    ``paid_fen`` is the commission base: goods after every discount, without freight. A level without
    a store carries neither rate nor amount.
    """

    line: int
    paid_fen: int
    supplier_fen: int
    level1_bp: int = 0
    level2_bp: int = 0
    level1_fen: int = 0
    level2_fen: int = 0
    store_id: int | None = None
    store_code: str = ""
    referrer_store_id: int | None = None
    referrer_store_code: str = ""
    rule_number: str = ""


@dataclass(frozen=True, slots=True)
class Sale:
    """A paid order, as plain facts: the only thing commissions ever come from."""

    order_number: str
    paid_at: datetime
    lines: Sequence[SaleLine]


def choose_rule(rules: Iterable[RuleFact], facts: RuleFacts, now: datetime) -> RuleFact | None:
    """Return the rule that applies to a line now, or None.

    The most specific scope wins: campaign line, SKU, product, category (the nearest shelf first),
    supplier, distributor grade, everything. Within one scope the newest start wins, then the highest
    version.
    """
    rank = {key: place for place, key in enumerate(facts.scopes())}
    fitting = [rule for rule in rules if (rule.scope, rule.scope_key) in rank and rule.applies_at(now)]
    if not fitting:
        return None
    nearest = min(rank[rule.scope, rule.scope_key] for rule in fitting)
    return max(
        (rule for rule in fitting if rank[rule.scope, rule.scope_key] == nearest),
        key=lambda rule: (rule.effective_from, rule.version, rule.number),
    )


def split_line(
    *,
    paid_fen: int,
    supplier_fen: int,
    rates: Rates,
    has_level1: bool,
    has_level2: bool,
    subsidy_fen: int = 0,
) -> LineSplit:
    """Divide a line: level 1 and level 2 get their rate of what was paid, rounded down.

    ``subsidy_fen`` is divided as well, but no share is counted on it.

    The margin guard: both come out of the pool ``paid − supplier's part``; level 1 is served first
    and what does not fit is cut, flagged ``capped``. Only under a rule the supplier funds does the
    supplier's part give way instead. Level 2 needs a level 1, except at a self-purchase, where the
    caller says ``has_level1=False`` because that share became the buyer's discount.
    """
    want1 = share_bp(paid_fen, rates.level1_bp) if has_level1 else 0
    want2 = share_bp(paid_fen, rates.level2_bp) if has_level2 else 0
    if rates.funding == "supplier":
        supplier_fen = max(0, min(supplier_fen, paid_fen + subsidy_fen - want1 - want2))
    pool_fen = max(0, paid_fen + subsidy_fen - supplier_fen)
    level1_fen = min(want1, pool_fen)
    level2_fen = min(want2, pool_fen - level1_fen)
    return LineSplit(
        level1_fen=level1_fen,
        level2_fen=level2_fen,
        pool_fen=pool_fen,
        supplier_fen=supplier_fen,
        capped=(level1_fen, level2_fen) != (want1, want2),
    )


def self_purchase_discount_fen(*, paid_fen: int, supplier_fen: int, rates: Rates) -> int:
    """Return what a distributor who buys for herself pays less: the level 1 share, within the pool.

    It is a price cut, not income. Split the line again with what she pays then: ``paid_fen`` less the
    discount, ``has_level1=False``.
    """
    split = split_line(paid_fen=paid_fen, supplier_fen=supplier_fen, rates=rates, has_level1=True, has_level2=False)
    return min(split.level1_fen, max(0, paid_fen - split.supplier_fen))


def entitled_after_refund(*, base_fen: int, refunded_fen: int, rate_bp: int, amount_fen: int) -> int:
    """Return what a commission of ``amount_fen`` is still worth once ``refunded_fen`` of its base went back.

    The cumulative target: it depends on the sum refunded, not on how it was cut, never grows, and is
    zero at full refund. An amount the margin guard had capped shrinks in proportion.
    Raises ``ValueError`` unless 0 <= refunded <= base.
    """
    left_fen = base_fen - refunded_fen
    in_proportion = proportion(amount_fen, left_fen, base_fen)
    if amount_fen < share_bp(base_fen, rate_bp):
        return in_proportion
    return min(amount_fen, share_bp(left_fen, rate_bp))
