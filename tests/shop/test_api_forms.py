"""What the API does by a faster way than the framework's, it does alike."""

import datetime as dt
import decimal
import uuid

import pytest
from django.test import Client, RequestFactory
from django.utils.translation import gettext_lazy
from rest_framework import renderers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser as PlainParser
from rest_framework.request import Request
from rest_framework.views import APIView

from orders.lifecycle.states import OrderState
from shop.base.routes import route_of
from shop.work.idempotency import request_hash

# As every view has them.
Negotiation = APIView.content_negotiation_class
(JSONRenderer,) = APIView.renderer_classes
(JSONParser,) = APIView.parser_classes

ANSWERS = [
    None,
    {"title": "西湖龙井 \u2028\u2029 “明前” \x00\x7f </script>", "none": None, "yes": True},
    {"at": dt.datetime(2026, 11, 26, 8, 0, 0, 123456, tzinfo=dt.UTC), "day": dt.date(2026, 11, 26)},
    {
        "fen": decimal.Decimal("12.30"),
        "id": uuid.UUID(int=7),
        "state": OrderState.PLACED,
        "label": gettext_lazy("Paid"),
    },
    {"deep": [{"many": (1, 2.5, -3)}, []], "long": 2**80, 5: "a key that is no text"},
]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("accepted", ["application/json", "application/json; indent=4"])
def test_answers_are_the_framework_s_to_the_byte(answer, accepted) -> None:
    assert JSONRenderer().render(answer, accepted, {}) == renderers.JSONRenderer().render(answer, accepted, {})


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "text/html, */*;q=0.1", "application/json; indent=2"]
)
@pytest.mark.parametrize("query", ["", "?format=json", "?page=2"])
def test_forms_are_chosen_as_the_framework_chooses(accept, query) -> None:
    request = Request(RequestFactory(headers={"Accept": accept} if accept else {}).get(f"/api/v1/me/{query}"))
    chosen = [way().select_renderer(request, [JSONRenderer()]) for way in (Negotiation, DefaultContentNegotiation)]
    assert chosen[0][1] == chosen[1][1]


def test_bodies_are_read_as_the_framework_reads_them() -> None:
    for body in ('{"a": [1, 2.5, null, true], "注": "\\ud83c\\udf75", "a": 2}', '"\\ud800"', "[]"):
        request = RequestFactory().post("/", body.encode("utf-8"), content_type="application/json")
        assert JSONParser().parse(request) == PlainParser().parse(
            RequestFactory().post("/", body.encode(), "application/json")
        )


def test_a_request_s_hash_does_not_depend_on_the_way_it_is_worked_out() -> None:
    """Hashes are on record: a retry must find the one that was written before."""
    plain = request_hash("POST", "/api/v1/orders/", {"note": "x", "items": [{"sku": "K1", "quantity": 2}]})
    assert plain == "0fdf842114c953fb5f75bfc79db4899de156a96ac4cdc640c1304df227c5077c"
    assert (
        request_hash("POST", "/", {"note": "请轻放"})
        == "ebf4e94c934e7d1934ad0331814d12cb3d489cb045830aecc6e7b18f0c67ea08"
    )
    assert request_hash("POST", "/", {"b": 1, "a": 2}) == request_hash("POST", "/", {"a": 2, "b": 1})


def test_a_route_is_remembered_only_when_nothing_of_it_varies() -> None:
    assert route_of("/api/v1/orders/") is route_of("/api/v1/orders/")
    one, other = route_of("/api/v1/orders/O1/"), route_of("/api/v1/orders/O2/")
    assert (one.kwargs, other.kwargs) == ({"number": "O1"}, {"number": "O2"})


def test_the_api_s_short_way_refuses_strangers_names_and_speaks_the_reader_s_language(db) -> None:
    client = Client(headers={"Host": "evil.example"})
    assert client.get("/api/v1/me/").status_code == 400
    answer = Client(headers={"Accept-Language": "en"}).get("/api/v1/me/")
    assert (answer.status_code, answer["Content-Language"]) == (401, "en")
    assert answer["Content-Length"] == str(len(answer.content))
    assert "Accept-Language" in answer["Vary"]
