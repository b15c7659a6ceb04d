"""Beginning, moving and merging bonds. A bond is never edited: it ends and another begins."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from distributors.links.attribution import BondFact, TouchFact
from distributors.links.models import Bond, Visitor
from distributors.links.rules import BondTerms, Opening, bond_from, next_bond, stronger_bond
from distributors.stores.models import Store
from distributors.stores.states import DistributorState
from shop.accounts.models import User
from shop.base.errors import Invalid
from shop.base.locks import lock_rows
from shop.base.numbers import token_hash

# ("user", user id) or ("visitor", visitor id)
Identity = tuple[str, int]


def bond_fact(bond: Bond) -> BondFact:
    """Return a bond as plain facts."""
    return BondFact(
        store_id=bond.store_id,
        started_at=bond.started_at,
        protected_until=bond.protected_until,
        valid_until=bond.valid_until,
        reason=bond.reason,
        touch_number=bond.touch_number,
    )


def terms() -> BondTerms:
    """Return how long bonds are protected and valid, by the settings."""
    return BondTerms(
        protected=timedelta(days=settings.LINJIA_BOND_PROTECTED_DAYS),
        valid=timedelta(days=settings.LINJIA_BOND_VALID_DAYS),
    )


def bind_touched(openings: Sequence[Opening]) -> int:
    """Let newly stored openings begin or move bonds; return how many bonds began.

    A fixed number of statements whatever their number. Only open stores bond, and never their owner.
    The caller is in a transaction.
    """
    if not openings:
        return 0
    visitors = _visitors(openings)
    owners = dict(
        Store.objects.filter(
            pk__in={opening.touch.store_id for opening in openings},
            distributor__state=DistributorState.ACTIVE,
        ).values_list("pk", "distributor__user_id")
    )
    people = _known_people(openings)
    touched: dict[Identity, list[TouchFact]] = {}
    for opening in sorted(openings, key=lambda one: (one.touch.at, one.touch.number)):
        visitor = visitors[opening.visitor_hash]
        user_id = opening.user_id if opening.user_id in people else visitor.user_id
        if opening.touch.store_id in owners and owners[opening.touch.store_id] != user_id:
            who = ("user", user_id) if user_id else ("visitor", visitor.pk)
            touched.setdefault(who, []).append(opening.touch)
    return _apply(touched)


def bind_customer(
    *,
    store: Store,
    user: User | None = None,
    visitor_key: str = "",
    reason: str,
    touch_number: str = "",
    now: datetime,
) -> Bond:
    """Bind a customer (or a visitor, until she signs in) to a store, unless a protected bond holds.

    Returns the bond that holds afterwards: a protected one of another store stays. Raises ``Invalid``
    when neither is given, for a closed store, and for the store's own owner.
    """
    if user is None and not visitor_key:
        raise Invalid(_("Name the customer or visitor to bind."), field="user")
    if store.distributor.state != DistributorState.ACTIVE:
        raise Invalid(_("Only an open store can bind customers."), field="store")
    with transaction.atomic():
        visitor = None if user is not None else _visitor(visitor_key, now)
        if visitor is not None and visitor.user_id is not None:
            user, visitor = visitor.user, None
        if user is not None and store.distributor.user_id == user.pk:
            raise Invalid(_("Nobody is her own customer."), field="user")
        live = _live(user.pk if user else None, visitor.pk if visitor else None)
        current = live[0] if live else None
        if (
            current is not None
            and now < current.valid_until
            and (now < current.protected_until or current.store_id == store.pk)
        ):
            return current
        if current is not None:
            Bond.objects.filter(pk=current.pk).update(ended_at=now)
        fact = bond_from(store.pk, at=now, terms=terms(), reason=reason, touch_number=touch_number)
        return Bond.objects.create(user=user, visitor=visitor, **_columns(fact))


def merge_visitor(*, visitor_key: str, user: User, now: datetime) -> bool:
    """At sign-in: let a visitor's touches and bond become the person's. False for another's visitor.

    The person's own valid protected bond wins over the visitor's. Merging again changes nothing.
    """
    if not visitor_key:
        return False
    with transaction.atomic():
        visitor = _visitor(visitor_key, now)
        if visitor.user_id is not None:
            return visitor.user_id == user.pk
        Visitor.objects.filter(pk=visitor.pk).update(user=user, merged_at=now)
        bonds = _live(user.pk, visitor.pk)
        mine = next((bond for bond in bonds if bond.user_id == user.pk), None)
        theirs = next((bond for bond in bonds if bond.user_id is None), None)
        if theirs is None:
            return True
        owns = Store.objects.filter(pk=theirs.store_id, distributor__user=user).exists()
        holder = stronger_bond(mine=bond_fact(mine) if mine else None, visitors=bond_fact(theirs), now=now)
        if owns or holder != "visitors":
            Bond.objects.filter(pk=theirs.pk).update(ended_at=now)
            return True
        if mine is not None:
            Bond.objects.filter(pk=mine.pk).update(ended_at=now)
        Bond.objects.filter(pk=theirs.pk).update(user=user)
    return True


def _visitor(visitor_key: str, now: datetime) -> Visitor:
    """Return the visitor's locked row, made if there is none yet."""
    key_hash = token_hash(visitor_key)
    Visitor.objects.bulk_create([Visitor(key_hash=key_hash, created_at=now)], ignore_conflicts=True)
    (visitor,) = lock_rows(Visitor.objects.filter(key_hash=key_hash))
    return visitor


def _visitors(openings: Iterable[Opening]) -> dict[str, Visitor]:
    first: dict[str, datetime] = {}
    for opening in openings:
        at = opening.touch.at
        first[opening.visitor_hash] = min(at, first.get(opening.visitor_hash, at))
    # In one order, so that two flushes never wait for each other crosswise.
    Visitor.objects.bulk_create(
        [Visitor(key_hash=key_hash, created_at=at) for key_hash, at in sorted(first.items())],
        ignore_conflicts=True,
    )
    return {row.key_hash: row for row in Visitor.objects.filter(key_hash__in=first)}


def _known_people(openings: Iterable[Opening]) -> set[int]:
    ids = {opening.user_id for opening in openings if opening.user_id is not None}
    if not ids:
        return set()
    return set(User.objects.filter(pk__in=ids).values_list("pk", flat=True))


def _live(user_id: int | None, visitor_id: int | None) -> list[Bond]:
    """Return the locked living bonds of a person and of a visitor who is nobody yet."""
    who = Q(pk__in=[])
    if user_id is not None:
        who |= Q(user_id=user_id)
    if visitor_id is not None:
        who |= Q(user=None, visitor_id=visitor_id)
    return lock_rows(Bond.objects.filter(who, ended_at=None))


def _apply(touched: dict[Identity, list[TouchFact]]) -> int:
    user_ids = [key for kind, key in touched if kind == "user"]
    visitor_ids = [key for kind, key in touched if kind == "visitor"]
    rows = lock_rows(
        Bond.objects.filter(Q(user_id__in=user_ids) | Q(user=None, visitor_id__in=visitor_ids), ended_at=None)
    )
    live: dict[Identity, Bond] = {
        ("user", row.user_id) if row.user_id else ("visitor", row.visitor_id or 0): row for row in rows
    }
    begun: list[Bond] = []
    ended: list[tuple[int, datetime]] = []
    unsaved: set[Identity] = set()
    for who, touches in touched.items():
        for touch in touches:
            current = live.get(who)
            fact = next_bond(live=bond_fact(current) if current else None, touch=touch, terms=terms())
            if fact is None:
                continue
            if current is not None and who in unsaved:
                current.ended_at = fact.started_at
            elif current is not None:
                ended.append((current.pk, fact.started_at))
            kind, key = who
            bond = Bond(
                user_id=key if kind == "user" else None,
                visitor_id=key if kind == "visitor" else None,
                **_columns(fact),
            )
            live[who] = bond
            unsaved.add(who)
            begun.append(bond)
    _end(ended)
    # A rival that was faster has bound her already.
    Bond.objects.bulk_create(begun, ignore_conflicts=True)
    return len(begun)


def _end(ended: Sequence[tuple[int, datetime]]) -> None:
    if not ended:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE links_bond b SET ended_at = e.at "
            "FROM unnest(%s::bigint[], %s::timestamptz[]) AS e(id, at) WHERE b.id = e.id",
            [[pk for pk, _at in ended], [at for _pk, at in ended]],
        )


def _columns(fact: BondFact) -> dict[str, object]:
    return {
        "store_id": fact.store_id,
        "started_at": fact.started_at,
        "protected_until": fact.protected_until,
        "valid_until": fact.valid_until,
        "reason": fact.reason,
        "touch_number": fact.touch_number,
    }
