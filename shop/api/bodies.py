"""Bodies that are right at first sight are read at once; everything else is a serializer's word.

A serializer asks a hundred questions of a body of ten values, most of them about what may be wrong. :func:`reader_of`
takes from its fields what a right value is: a text of this length, a number within these bounds. Whatever is not
plainly right, by type and bounds, goes to the serializer itself, so that its errors, and what it forgives, are its own.
"""

from collections.abc import Callable
from typing import Any

from django.core import validators
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.validators import ProhibitSurrogateCharactersValidator

Read = Callable[[Any], Any]
Form = serializers.Serializer[None]
_BOUNDS = (
    validators.MaxLengthValidator,
    validators.MinLengthValidator,
    validators.MaxValueValidator,
    validators.MinValueValidator,
    validators.ProhibitNullCharactersValidator,
    ProhibitSurrogateCharactersValidator,
)
_LONGEST = 2**31


class _NotPlain(Exception):
    """Somebody who knows more must look at this value."""


def reader_of(form: Form) -> Callable[[Any], dict[str, Any]]:
    """Return what reads a body as ``form.run_validation`` does. The form is kept: it holds nothing of a request.

    Raises ``TypeError`` for a form with fields or validators that it knows nothing of.
    """
    read = _form(form)

    def read_or_refuse(body: Any) -> dict[str, Any]:
        try:
            found: dict[str, Any] = read(body)
        except _NotPlain:
            found = form.run_validation(body)
        return found

    return read_or_refuse


def _field(field: Any) -> Read:
    if type(field) is serializers.CharField and field.trim_whitespace:
        return _text(field)
    if type(field) is serializers.IntegerField:
        return _number(field)
    if type(field) is serializers.ListField:
        return _many(field)
    if isinstance(field, serializers.ListSerializer):
        return _many(field)
    if isinstance(field, serializers.Serializer):
        return _form(field)
    raise TypeError(f"{type(field).__name__} has no plain form")


def _text(field: serializers.CharField) -> Read:
    bounds = _bounds(field)
    least, most, is_blank_right = bounds.get("min_length", 0), bounds.get("max_length", _LONGEST), field.allow_blank

    def read(value: Any) -> str:
        if type(value) is not str:
            raise _NotPlain
        text = value.strip()
        if not text:
            if is_blank_right:
                return ""
            raise _NotPlain
        if not least <= len(text) <= most or "\0" in text or not (text.isascii() or _is_whole(text)):
            raise _NotPlain
        return text

    return read


def _is_whole(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _number(field: serializers.IntegerField) -> Read:
    bounds = _bounds(field)
    least, most = bounds.get("min_value", -_LONGEST), bounds.get("max_value", _LONGEST)

    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise _NotPlain
        return value

    return read


def _many(field: Any) -> Read:
    bounds, one = _bounds(field), _field(field.child)
    least = bounds.get("min_length", 0 if field.allow_empty else 1)
    most = bounds.get("max_length", _LONGEST)
    # A list of forms keeps its bounds itself, a list of fields by validators.
    least, most = max(least, field.min_length or 0), min(most, field.max_length or _LONGEST)

    def read(value: Any) -> list[Any]:
        if type(value) is not list or not least <= len(value) <= most:
            raise _NotPlain
        return [one(each) for each in value]

    return read


def _form(form: Form) -> Read:
    if type(form).validate is not serializers.Serializer.validate or form.validators:
        raise TypeError(f"{type(form).__name__} checks more than its fields")
    parts = []
    for name, field in form.fields.items():
        if field.source != name or field.read_only or hasattr(form, f"validate_{name}"):
            raise TypeError(f"{name} has no plain form")
        if callable(field.default) and field.default is not empty:
            raise TypeError(f"what {name} is when left out must be asked for")
        parts.append((name, _field(field), field.required, field.default))

    def read(body: Any) -> dict[str, Any]:
        if type(body) is not dict:
            raise _NotPlain
        found = {}
        for name, one, is_required, default in parts:
            if name in body:
                found[name] = one(body[name])
            elif is_required:
                raise _NotPlain
            elif default is not empty:
                found[name] = default
        return found

    return read


def _bounds(field: Any) -> dict[str, int]:
    """Return the bounds by name that the field's validators keep. Raises ``TypeError`` for other validators."""
    found = {}
    for check in field.validators:
        if not isinstance(check, _BOUNDS):
            raise TypeError(f"{type(check).__name__} has no plain form")
        if isinstance(check, validators.BaseValidator):
            found[check.code] = check.limit_value
    return found
