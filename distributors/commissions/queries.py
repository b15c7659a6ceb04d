"""What can be asked about rates and commissions. Money decisions: never from a replica or a cache."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection
from django.db.models import F, Prefetch, Q, QuerySet, Sum

from distributors.commissions.models import ClawBack, Commission, CommissionRule
from distributors.commissions.rules import (
    NO_RATES,
    Rates,
    RuleFact,
    RuleFacts,
    choose_rule,
)
from distributors.commissions.states import CommissionState
from distributors.stores.models import Store


@dataclass(frozen=True, slots=True)
class ClawBackFact:
    """What one refund took back."""

    refund_number: str
    amount_fen: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Explanation:
    """One commission from the rule it was agreed by to its last fen."""

    order_number: str
    line: int
    level: int
    store_code: str
    state: str
    base_fen: int
    rate_bp: int
    amount_fen: int
    is_capped: bool
    clawed_back_fen: int
    left_fen: int
    claw_backs: tuple[ClawBackFact, ...]
    rule: RuleFact | None
    accrued_at: datetime
    due_at: datetime | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Earnings:
    """A store's commissions by state, in fen, less what was clawed back."""

    frozen_fen: int
    held_fen: int
    settled_fen: int
    clawed_back_fen: int


def rates_for(facts: Iterable[RuleFacts], now: datetime) -> dict[int, Rates]:
    """Return the rates of each line by the rules of this moment; one statement for any number of lines.

    A line that no rule covers has ``NO_RATES``.
    """
    lines = list(facts)
    if not lines:
        return {}
    scopes = list(dict.fromkeys(scope for line in lines for scope in line.scopes()))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT commissions_rules_in_force(%s::text[], %s::text[], %s)::text",
            [[scope for scope, _key in scopes], [key for _scope, key in scopes], now],
        )
        (answer,) = cursor.fetchone()
    return rates_by(rules_from(orjson.loads(answer or "null")), lines, now)


def rules_from(answer: Sequence[Sequence[Any]] | None) -> list[RuleFact]:
    """Return the rules from what ``commissions_rules_in_force`` answered."""
    found = []
    for row in answer or ():
        facts = list(row)
        facts[5] = datetime.fromisoformat(facts[5])
        facts[6] = datetime.fromisoformat(facts[6]) if facts[6] else None
        found.append(RuleFact(*facts))
    return found


def rates_by(rules: Sequence[RuleFact], lines: Iterable[RuleFacts], now: datetime) -> dict[int, Rates]:
    """Return the rates of each line by these rules; more rules than concern it do no harm."""
    found = {}
    for line in lines:
        rule = choose_rule(rules, line, now)
        found[line.line] = _rates(rule) if rule else NO_RATES
    return found


def rule_fact(rule: CommissionRule) -> RuleFact:
    """Return a rule as plain facts."""
    return RuleFact(
        number=rule.number,
        scope=rule.scope,
        scope_key=rule.scope_key,
        level1_bp=rule.level1_bp,
        level2_bp=rule.level2_bp,
        effective_from=rule.effective_from,
        effective_until=rule.effective_until,
        funding=rule.funding,
        version=rule.version,
    )


def explain(*, order_number: str, line: int | None = None, store: Store | None = None) -> list[Explanation]:
    """Return how an order's commissions came about and what became of them, by line and level.

    For one store's eyes give ``store``: then it sees its own only. Three statements.
    """
    rows = Commission.objects.filter(order_number=order_number)
    if line is not None:
        rows = rows.filter(line=line)
    if store is not None:
        rows = rows.filter(store=store)
    taken = Prefetch("claw_backs", ClawBack.objects.order_by("at", "pk"))
    found = list(rows.select_related("store").prefetch_related(taken).order_by("line", "level"))
    rules = {
        rule.number: rule_fact(rule)
        for rule in CommissionRule.objects.filter(number__in={row.rule_number for row in found})
    }
    return [_explanation(row, rules.get(row.rule_number)) for row in found]


def commissions_of(store: Store) -> QuerySet[Commission]:
    """Return a store's commissions, newest first."""
    return Commission.objects.filter(store=store).order_by("-pk")


def earnings_of(store: Store) -> Earnings:
    """Return the sums of a store's commissions by state; one statement."""
    rows = Commission.objects.filter(store=store).aggregate(
        **{
            state: Sum(F("amount_fen") - F("clawed_back_fen"), filter=Q(state=state), default=0)
            for state in (CommissionState.FROZEN, CommissionState.HELD, CommissionState.SETTLED)
        },
        taken=Sum("clawed_back_fen", default=0),
    )
    return Earnings(
        frozen_fen=int(rows["frozen"]),
        held_fen=int(rows["held"]),
        settled_fen=int(rows["settled"]),
        clawed_back_fen=int(rows["taken"]),
    )


def sales_report(*, since: datetime, until: datetime) -> dict[int, dict[str, int]]:
    """Return, by level, what commissions were paid on in a time: count, base, amount, clawed back (fen).

    The evidence that every fen came from a paid sale: there is no other kind of row. One statement.
    """
    rows = (
        Commission.objects.filter(accrued_at__gte=since, accrued_at__lt=until)
        .values("level")
        .annotate(
            base_fen=Sum("base_fen"),
            earned_fen=Sum("amount_fen"),
            taken_fen=Sum("clawed_back_fen"),
        )
        .order_by("level")
    )
    return {
        row["level"]: {
            "base_fen": int(row["base_fen"]),
            "amount_fen": int(row["earned_fen"]),
            "clawed_back_fen": int(row["taken_fen"]),
        }
        for row in rows
    }


def _rates(rule: RuleFact) -> Rates:
    return Rates(
        level1_bp=rule.level1_bp,
        level2_bp=rule.level2_bp,
        rule_number=rule.number,
        funding=rule.funding,
    )


def _explanation(row: Commission, rule: RuleFact | None) -> Explanation:
    return Explanation(
        order_number=row.order_number,
        line=row.line,
        level=row.level,
        store_code=row.store.code,
        state=row.state,
        base_fen=row.base_fen,
        rate_bp=row.rate_bp,
        amount_fen=row.amount_fen,
        is_capped=row.is_capped,
        clawed_back_fen=row.clawed_back_fen,
        left_fen=row.left_fen,
        claw_backs=tuple(
            ClawBackFact(taken.refund_number, taken.amount_fen, taken.at) for taken in row.claw_backs.all()
        ),
        rule=rule,
        accrued_at=row.accrued_at,
        due_at=row.due_at,
        settled_at=row.settled_at,
    )
