"""Model fields that are encrypted at rest, and the keyed hash beside them that finds them again."""

import json
from typing import Any

import orjson
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models.expressions import Col
from django.db.models.lookups import Lookup

from shop.privacy.keys import PREFIX, ring

_LOOKUPS = frozenset({"exact", "in", "isnull"})


class SealedField(models.TextField):  # type: ignore[type-arg]  # not subscriptable when it runs
    """A text of at most ``max_length`` characters, encrypted at rest; "" and NULL stay what they are.

    With ``lookup`` naming a :class:`LookupField` of the same model, rows can be filtered by the whole text
    (``exact``, ``in``); nothing else can be asked of it in SQL, neither order nor likeness. ``update()`` of the
    queryset does not reach the look-up: change such a field by saving both.
    """

    def __init__(self, *args: Any, lookup: str = "", **kwargs: Any) -> None:
        self.lookup = lookup
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        if self.lookup:
            kwargs["lookup"] = self.lookup
        return name, path, args, kwargs

    @property
    def label(self) -> str:
        """What is authenticated with each text: the model and the field."""
        return f"{self.model._meta.label_lower}.{self.name}"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return ring().open(value, self.label) if value else value

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        value = super().get_db_prep_save(value, connection)
        return self.sealed(value) if isinstance(value, str) else value

    def sealed(self, value: str) -> str:
        """Return what the column holds for a text; for statements that are written by hand."""
        return ring().seal(value, self.label) if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name not in _LOOKUPS or (lookup_name != "isnull" and not self.lookup):
            return None
        return super().get_lookup(lookup_name)


class LookupField(models.CharField):  # type: ignore[type-arg]
    """The keyed hash of a :class:`SealedField`; NULL where that is empty."""

    def __init__(self, *args: Any, of: str = "", **kwargs: Any) -> None:
        self.of = of
        super().__init__(*args, **kwargs | {"max_length": 64, "null": True, "editable": False})

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for fixed in ("max_length", "null", "editable"):
            kwargs.pop(fixed, None)
        return name, path, args, {**kwargs, "of": self.of}

    @property
    def label(self) -> str:
        return f"{self.model._meta.label_lower}.{self.of}"

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        text = getattr(model_instance, self.of)
        value = ring().lookup(text, self.label) if text else None
        setattr(model_instance, self.attname, value)
        return value


class SealedJSONField(models.JSONField):
    """Facts, encrypted at rest: the column is JSON still, and holds one sealed text."""

    @property
    def label(self) -> str:
        return f"{self.model._meta.label_lower}.{self.name}"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return self.opened(super().from_db_value(value, expression, connection))

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        return super().get_db_prep_save(self.sealed(value), connection)

    def sealed(self, value: Any) -> Any:
        """Return what the column holds for some facts; for statements that are written by hand."""
        return None if value is None else ring().seal(_text(value), self.label)

    def opened(self, stored: Any) -> Any:
        """Return the facts of what a column held. What an earlier version kept open is returned as it is."""
        is_sealed = isinstance(stored, str) and stored.startswith(PREFIX)
        return _value(ring().open(stored, self.label)) if is_sealed else stored


def _text(value: Any) -> str:
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
    except TypeError:
        # Keys that are no texts, numbers without end, halves of letters.
        return json.dumps(value, default=str)


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


@SealedField.register_lookup
class SealedExact(Lookup):
    """Equality, asked of the look-up column under every look-up key."""

    lookup_name = "exact"

    def get_prep_lookup(self) -> Any:
        return [str(self.rhs)]

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        lhs = self.lhs
        if not isinstance(lhs, Col):
            raise TypeError("a sealed field is compared as itself, not inside an expression")
        field: SealedField = lhs.target  # type: ignore[assignment]
        keyed = [one for text in self.rhs for one in ring().lookups(text, field.label)]
        beside = Col(lhs.alias, _beside(field))
        sql, parameters = compiler.compile(beside)
        return f"{sql} IN ({', '.join(['%s'] * len(keyed))})" if keyed else "FALSE", [*parameters, *keyed]


@SealedField.register_lookup
class SealedIn(SealedExact):
    """One of several texts."""

    lookup_name = "in"

    def get_prep_lookup(self) -> Any:
        return [str(text) for text in self.rhs]


def _beside(field: SealedField) -> Any:
    try:
        return field.model._meta.get_field(field.lookup)
    except FieldDoesNotExist:
        raise TypeError(f"{field.label} has no look-up") from None
