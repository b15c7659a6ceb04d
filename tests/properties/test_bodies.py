"""Bodies read at first sight are what the serializer makes of them, or the serializer's own refusal."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from orders.api.cart import ItemInput
from orders.api.placing import PlaceInput
from shop.api.bodies import reader_of

TEXTS = st.one_of(
    st.sampled_from(
        ["", " ", "K1", " K1 ", "西湖", "x" * 16, "x" * 17, "x" * 33, "x" * 201, "a\0b", "\ud800", "\u3000茶"]
    ),
    st.text(max_size=40),
)
NUMBERS = st.one_of(
    st.integers(-2, 3), st.sampled_from([999, 1000, 10**12, 10**12 + 1, 2**70, 1.0, 1.5]), st.booleans()
)
ODD = st.one_of(st.none(), NUMBERS, TEXTS, st.lists(TEXTS, max_size=2), st.dictionaries(TEXTS, TEXTS, max_size=1))
ITEMS = st.fixed_dictionaries(
    {}, optional={"sku": TEXTS | ODD, "quantity": st.integers(1, 3) | ODD, "store": TEXTS | ODD, "more": ODD}
)
RIGHT_ITEMS = st.fixed_dictionaries({"sku": st.just("K1"), "quantity": st.just(2)}, optional={"store": st.just("S1")})
BODIES = st.one_of(
    ODD,
    st.fixed_dictionaries(
        {},
        optional={
            "items": st.lists(RIGHT_ITEMS | ITEMS, max_size=3) | ODD,
            "address": st.just("A1") | ODD,
            "note": TEXTS | ODD,
            "coupons": st.lists(TEXTS, max_size=22) | ODD,
            "expected_payable_fen": st.integers(1, 10**6) | ODD,
            "other": ODD,
        },
    ),
)


def _read(read: Any, body: Any) -> Any:
    try:
        return read(body)
    except ValidationError as error:
        return repr(error.detail)


READ, PLAIN = reader_of(PlaceInput()), PlaceInput()


@settings(max_examples=400)
@given(BODIES)
def test_a_body_is_read_as_its_serializer_reads_it(body: Any) -> None:
    assert _read(READ, body) == _read(PLAIN.run_validation, body)


def test_right_bodies_are_read_at_first_sight() -> None:
    class Unasked(PlaceInput):
        def run_validation(self, data: Any = None) -> Any:
            raise AssertionError("nobody should ask")

    body = {"items": [{"sku": "K1", "quantity": 2}], "address": " A1 ", "coupons": [], "expected_payable_fen": 1}
    assert reader_of(Unasked())(body) == {
        "items": [{"sku": "K1", "quantity": 2, "store": ""}],
        "address": "A1",
        "note": "",
        "coupons": [],
        "expected_payable_fen": 1,
    }


def test_a_form_that_checks_more_than_its_fields_is_not_read_at_first_sight() -> None:
    class Careful(ItemInput):
        def validate_sku(self, value: str) -> str:
            return value

    class Wide(serializers.Serializer[None]):
        at = serializers.DateTimeField()

    for form in (Careful(), Wide()):
        with pytest.raises(TypeError):
            reader_of(form)
