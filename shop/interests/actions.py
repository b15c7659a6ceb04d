"""What a person does to her own interests: keeps, lets go, forgets."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from shop.accounts.models import User
from shop.base.errors import Conflict, NotFound
from shop.catalogue.models import Product
from shop.interests.models import Curiosity, Discretion, Favourite, Footprint, PastSearch
from shop.interests.rules import FAVOURITES_MAX, FOOTPRINT_DAYS, FOOTPRINTS_MAX, SEARCHES_MAX, clean_words
from shop.interests.telling import begin as begin_watching


def remember_search(*, user: User, words: str, now: datetime) -> None:
    """Note what she searched for; only the last few stay."""
    words = clean_words(words)
    if not words:
        return
    with transaction.atomic():
        PastSearch.objects.update_or_create(user=user, words=words, defaults={"searched_at": now})
        kept = PastSearch.objects.filter(user=user).order_by("-searched_at", "-pk")[:SEARCHES_MAX]
        PastSearch.objects.filter(user=user).exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()


def forget_searches(*, user: User, words: str | None = None) -> None:
    """Forget one search, or all of them."""
    rows = PastSearch.objects.filter(user=user)
    (rows if words is None else rows.filter(words=words)).delete()


def remember_look(*, user: User, product: Product, now: datetime) -> None:
    """Note that she looked at a product, unless she wants none of it noted."""
    if Discretion.objects.filter(user=user).exists():
        return
    with transaction.atomic():
        Footprint.objects.update_or_create(user=user, product=product, defaults={"seen_at": now})
        own = Footprint.objects.filter(user=user)
        beyond = own.order_by("-seen_at", "-pk")[FOOTPRINTS_MAX : FOOTPRINTS_MAX + 50]
        own.filter(pk__in=list(beyond.values_list("pk", flat=True))).delete()


def forget_looks(*, user: User, number: str | None = None) -> None:
    """Forget that she looked at one product, or at any."""
    rows = Footprint.objects.filter(user=user)
    (rows if number is None else rows.filter(product__number=number)).delete()


def keep_footprints(*, user: User, wanted: bool, now: datetime) -> None:
    """Go on noting what she looks at, or stop and forget what was noted."""
    with transaction.atomic():
        if wanted:
            Discretion.objects.filter(user=user).delete()
        else:
            Discretion.objects.get_or_create(user=user, defaults={"since": now})
            forget_looks(user=user)


def forget_old_looks(*, now: datetime, most: int = 5_000) -> int:
    """Delete footprints whose time is over, a batch; return how many."""
    old = Footprint.objects.filter(seen_at__lte=now - FOOTPRINT_DAYS).order_by("seen_at")[:most]
    return Footprint.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0]


def add_favourite(*, user: User, kind: str, number: str, now: datetime) -> None:
    """Keep a product or a store. Twice is once. Raises ``Conflict`` when there are too many."""
    own = Favourite.objects.filter(user=user)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if own.filter(kind=kind, number=number).exists():
            return
        if own.count() >= FAVOURITES_MAX:
            raise Conflict(_("You keep %(most)d favourites already. Let some go first.") % {"most": FAVOURITES_MAX})
        Favourite.objects.create(user=user, kind=kind, number=number, kept_at=now)


def keep_product(*, user: User, number: str, now: datetime) -> None:
    """Keep a product. Raises ``NotFound``, ``Conflict``."""
    if not Product.objects.filter(number=number).exists():
        raise NotFound(_("There is no such product."))
    with transaction.atomic():
        add_favourite(user=user, kind=Favourite.Kind.PRODUCT, number=number, now=now)
        if Curiosity.objects.filter(user=user).exists():
            begin_watching(user=user, number=number)


def watch_product(*, user: User, number: str, now: datetime) -> None:
    """Keep a product and be told when it is back or cheaper. Raises ``NotFound``, ``Conflict`` as keeping does."""
    with transaction.atomic():
        keep_product(user=user, number=number, now=now)
        begin_watching(user=user, number=number)


def unwatch_product(*, user: User, number: str) -> None:
    """Keep a product without being told about it."""
    Favourite.objects.filter(user=user, kind=Favourite.Kind.PRODUCT, number=number).update(is_watched=False)


def watch_everything(*, user: User, wanted: bool, now: datetime) -> None:
    """Be told about everything one keeps and will keep, or about nothing."""
    with transaction.atomic():
        if wanted:
            Curiosity.objects.get_or_create(user=user, defaults={"since": now})
            begin_watching(user=user)
        else:
            Curiosity.objects.filter(user=user).delete()
            Favourite.objects.filter(user=user, is_watched=True).update(is_watched=False)


def drop_favourite(*, user: User, kind: str, number: str) -> None:
    """Let a favourite go; one that is not kept is no matter."""
    Favourite.objects.filter(user=user, kind=kind, number=number).delete()


def forget_everything(*, user: User) -> None:
    """Forget all of a person's interests, as when her account is closed."""
    for rows in (PastSearch, Footprint, Favourite, Discretion, Curiosity):
        rows.objects.filter(user=user).delete()
