"""Agreeing on rates. A rule is dated and never edited: a new one supersedes it.

The margin guard stands here first: a rule that some affected SKU cannot pay is refused with a report.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from distributors.commissions.models import CommissionRule
from shop.base.errors import Conflict, Invalid
from shop.base.locks import lock_rows
from shop.base.money import BASIS_POINTS
from shop.catalogue.models import Category, Product, Sku
from shop.suppliers.models import Supplier

SHOWN_MAX = 20
# A form that was opened with “now” may be sent a little later.
_GRACE = timedelta(minutes=5)

# Every SKU that the rule's scope reaches and no more specific rule takes out of its hands, whose
# margin at its retail price cannot pay both levels. By commission, the platform's fee and both levels
# must fit into the sale. %(…)s are values; nothing else is put into the text.
_SHORT = """
WITH RECURSIVE shelf(id, code, top) AS (
    SELECT id, code, id FROM catalogue_category
    UNION ALL
    SELECT shelf.id, c.code, c.id
    FROM shelf JOIN catalogue_category p ON p.id = shelf.top
    JOIN catalogue_category c ON c.id = p.parent_id
), reached AS (
    SELECT k.number AS sku, p.number AS product, p.title, s.code AS supplier, s.contract, s.fee_bp,
           p.category_id, x.retail_fen, x.supply_fen
    FROM catalogue_sku k
    JOIN catalogue_product p ON p.id = k.product_id
    JOIN suppliers_supplier s ON s.id = p.supplier_id
    JOIN pricing_skuprice x ON x.sku_id = k.id
    WHERE k.is_active AND p.state <> 'rejected' AND (
        %(scope)s IN ('grade', 'global')
        OR (%(scope)s = 'sku' AND k.number = %(key)s)
        OR (%(scope)s = 'product' AND p.number = %(key)s)
        OR (%(scope)s = 'supplier' AND s.code = %(key)s)
        OR (%(scope)s = 'category' AND EXISTS (
            SELECT FROM shelf WHERE shelf.id = p.category_id AND shelf.code = %(key)s))
    )
), short AS (
    SELECT r.*, CASE WHEN r.contract = 'commission'
                     THEN r.retail_fen - r.retail_fen * r.fee_bp / 10000
                     ELSE r.retail_fen - r.supply_fen END AS pool_fen,
           r.retail_fen * %(level1)s / 10000 + r.retail_fen * %(level2)s / 10000 AS wanted_fen
    FROM reached r
    WHERE NOT EXISTS (
        SELECT FROM commissions_commissionrule o
        WHERE o.effective_from <= %(from)s
          AND (o.effective_until IS NULL OR o.effective_until > %(from)s)
          AND (
              (%(rank)s > 1 AND o.scope = 'sku' AND o.scope_key = r.sku)
              OR (%(rank)s > 2 AND o.scope = 'product' AND o.scope_key = r.product)
              OR (%(rank)s > 3 AND o.scope = 'category' AND o.scope_key IN (
                  SELECT code FROM shelf WHERE shelf.id = r.category_id))
              OR (%(rank)s > 4 AND o.scope = 'supplier' AND o.scope_key = r.supplier)
          )
    )
)
SELECT sku, title, retail_fen, pool_fen, wanted_fen, count(*) OVER ()
FROM short WHERE wanted_fen > pool_fen
ORDER BY wanted_fen - pool_fen DESC, sku LIMIT %(shown)s
"""
_RANKS = {"campaign": 0, "sku": 1, "product": 2, "category": 3, "supplier": 4, "grade": 5, "global": 6}


@dataclass(frozen=True, slots=True)
class ShortSku:
    """A SKU whose margin cannot pay a rule: at its retail price both levels want more than the pool."""

    sku_number: str
    title: str
    retail_fen: int
    pool_fen: int
    wanted_fen: int


class MarginTooSmall(Conflict):
    """Some SKUs cannot pay the rule. ``extra["skus"]`` names the worst, ``extra["count"]`` says how many."""

    code = "margin_too_small"


def create_rule(
    *,
    scope: str,
    scope_key: str = "",
    level1_bp: int,
    level2_bp: int = 0,
    funding: str = CommissionRule.Funding.MARGIN,
    effective_from: datetime,
    effective_until: datetime | None = None,
    actor: str,
    now: datetime,
) -> CommissionRule:
    """Agree on rates (basis points of what a customer pays for goods) from a moment on.

    Raises ``Invalid`` naming the field – also for a start in the past and for rates above the cap –
    and :class:`MarginTooSmall` unless ``funding`` says that somebody else pays the difference.
    """
    key = _checked(scope, scope_key, level1_bp, level2_bp, funding)
    if effective_from < now - _GRACE:
        raise Invalid(_("A rule cannot begin in the past."), field="effective_from")
    if effective_until is not None and effective_until <= effective_from:
        raise Invalid(_("A rule ends after it begins."), field="effective_until")
    if funding == CommissionRule.Funding.MARGIN:
        refuse_short(scope, key, level1_bp, level2_bp, effective_from)
    return CommissionRule.objects.create(
        scope=scope,
        scope_key=key,
        level1_bp=level1_bp,
        level2_bp=level2_bp,
        funding=funding,
        effective_from=effective_from,
        effective_until=effective_until,
        created_by=actor,
    )


def supersede_rule(
    *,
    rule: CommissionRule,
    level1_bp: int,
    level2_bp: int,
    funding: str | None = None,
    effective_from: datetime,
    actor: str,
    now: datetime,
) -> CommissionRule:
    """End a rule at a moment and let its next version begin then. Sales of before keep their rates.

    Raises what :func:`create_rule` raises, and ``Conflict`` when the rule has ended by then or has been
    superseded already.
    """
    with transaction.atomic():
        (old,) = lock_rows(CommissionRule.objects.filter(pk=rule.pk))
        if old.effective_until is not None and old.effective_until <= effective_from:
            raise Conflict(_("This rule has ended by then. Create a new one."), code="rule_ended")
        if effective_from < old.effective_from:
            raise Invalid(_("The next version cannot begin before this one."), field="effective_from")
        if effective_from < now - _GRACE:
            raise Invalid(_("A rule cannot begin in the past."), field="effective_from")
        paid_by = funding or old.funding
        _checked(old.scope, old.scope_key, level1_bp, level2_bp, paid_by)
        if paid_by == CommissionRule.Funding.MARGIN:
            refuse_short(old.scope, old.scope_key, level1_bp, level2_bp, effective_from)
        until = old.effective_until
        try:
            with transaction.atomic():
                new = CommissionRule.objects.create(
                    scope=old.scope,
                    scope_key=old.scope_key,
                    level1_bp=level1_bp,
                    level2_bp=level2_bp,
                    funding=paid_by,
                    version=old.version + 1,
                    supersedes=old,
                    effective_from=effective_from,
                    effective_until=until,
                    created_by=actor,
                )
        except IntegrityError:
            raise Conflict(
                _("This rule was superseded already. Supersede its newest version."),
                code="rule_superseded",
            ) from None
        CommissionRule.objects.filter(pk=old.pk).update(effective_until=effective_from)
    rule.effective_until = effective_from
    return new


def end_rule(*, rule: CommissionRule, effective_until: datetime, now: datetime) -> None:
    """Let a rule end at a moment that has not passed. Raises ``Invalid``, ``Conflict``."""
    if effective_until < now - _GRACE:
        raise Invalid(_("A rule cannot end in the past."), field="effective_until")
    with transaction.atomic():
        (old,) = lock_rows(CommissionRule.objects.filter(pk=rule.pk))
        if old.effective_until is not None and old.effective_until <= effective_until:
            raise Conflict(_("This rule ends earlier already."), code="rule_ended")
        # A rule that has not begun never will.
        at = max(effective_until, old.effective_from)
        CommissionRule.objects.filter(pk=old.pk).update(effective_until=at)
    rule.effective_until = at


def short_skus(scope: str, scope_key: str, level1_bp: int, level2_bp: int, at: datetime) -> tuple[list[ShortSku], int]:
    """Return the SKUs that could not pay such a rule at their retail price: the worst 20, and how many.

    A store's own price may be lower still; then the order itself cuts what does not fit. One statement.
    """
    facts: dict[str, str | int | datetime] = {
        "scope": scope,
        "key": scope_key,
        "level1": level1_bp,
        "level2": level2_bp,
        "from": at,
        "rank": _RANKS[scope],
        "shown": SHOWN_MAX,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SHORT, facts)
        rows = cursor.fetchall()
    return [ShortSku(*row[:5]) for row in rows], rows[0][5] if rows else 0


def refuse_short(scope: str, scope_key: str, level1_bp: int, level2_bp: int, at: datetime) -> None:
    """Raise :class:`MarginTooSmall` when some affected SKU cannot pay the rates."""
    short, count = short_skus(scope, scope_key, level1_bp, level2_bp, at)
    if not count:
        return
    raise MarginTooSmall(
        _(
            "%(count)d SKUs cannot pay these rates out of their margin, the worst being “%(title)s”. "
            "Lower the rates, give those goods a rule of their own, or say who funds the difference."
        )
        % {"count": count, "title": short[0].title},
        field="level1_bp",
        extra={
            "count": count,
            "skus": [
                {
                    "sku": sku.sku_number,
                    "title": sku.title,
                    "retail_fen": sku.retail_fen,
                    "pool_fen": sku.pool_fen,
                    "wanted_fen": sku.wanted_fen,
                }
                for sku in short
            ],
        },
    )


def _checked(scope: str, scope_key: str, level1_bp: int, level2_bp: int, funding: str) -> str:
    """Return the scope's key after every check that needs no margin. Raises ``Invalid``."""
    if scope not in CommissionRule.Scope.values:
        raise Invalid(_("Choose what the rule is about."), field="scope")
    if funding not in CommissionRule.Funding.values:
        raise Invalid(_("Choose who pays."), field="funding")
    for field, rate_bp in (("level1_bp", level1_bp), ("level2_bp", level2_bp)):
        if type(rate_bp) is not int or not 0 <= rate_bp <= BASIS_POINTS:
            raise Invalid(_("A rate is 0 to 10000 basis points."), field=field)
    cap_bp = settings.LINJIA_COMMISSION_CAP_BP
    if level1_bp + level2_bp > cap_bp:
        raise Invalid(
            _("Both levels together may not exceed %(cap)d basis points.") % {"cap": cap_bp},
            field="level1_bp",
            code="above_cap",
        )
    key = scope_key.strip()
    if scope == CommissionRule.Scope.GLOBAL:
        if key:
            raise Invalid(_("A rule for everything names nothing."), field="scope_key")
    elif not _names_something(scope, key):
        raise Invalid(_("There is nothing of that kind with this code."), field="scope_key")
    return key


def _names_something(scope: str, key: str) -> bool:
    if scope == CommissionRule.Scope.SKU:
        return Sku.objects.filter(number=key).exists()
    if scope == CommissionRule.Scope.PRODUCT:
        return Product.objects.filter(number=key).exists()
    if scope == CommissionRule.Scope.CATEGORY:
        return Category.objects.filter(code=key).exists()
    if scope == CommissionRule.Scope.SUPPLIER:
        return Supplier.objects.filter(code=key).exists()
    # Grades are words of ours, campaign lines belong to a higher floor: any code will do.
    return bool(key) and len(key) <= 40
