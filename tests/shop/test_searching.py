"""Searching: in characters, pinyin and initials, with mistakes, narrowed and ordered; and what is remembered of it."""

import re
from typing import Any

import pytest
from django.test import Client

from shop.accounts.actions import issue_tokens
from shop.catalogue.models import Product
from shop.catalogue.pinyin import spelled_tokens, syllables
from shop.catalogue.rules import closeness, near_questions, questions, spelled_out
from shop.interests.queries import past_searches
from tests import world
from tests.shop.test_web_shelves import PART, page, titles

ORIGIN = {"HTTP_ORIGIN": "http://testserver"}


def test_letters_are_read_as_words_as_pinyin_and_as_initials() -> None:
    assert syllables("shuimitao") == ("shui", "mi", "tao")
    assert syllables("lvcha") == ("lv", "cha")
    assert syllables("xyz") == ()
    assert {"~cha", "~hongcha", "!hc"} <= set(spelled_tokens("红茶"))
    # A character with two readings is found by both.
    assert {"~changsha", "~zhangsha"} <= set(spelled_tokens("长沙"))
    assert questions("hongcha") == (("hongcha",), ("~hongcha",), ("!hong", "!ongc", "!ngch", "!gcha"))
    assert questions("smt") == (("smt",), ("!smt",))
    assert questions("shuimit") == (("shuimit",), ("!shui", "!huim", "!uimi", "!imit"))
    assert ("~shuimi",) in questions("shuimit", is_unfinished=True)
    assert questions("红茶") == (("红茶",),)
    assert questions("，。") == ()
    assert near_questions("水密桃")[0] == ("~shuimi", "~mitao")
    assert closeness("shuimitoa", spelled_out("阳山水蜜桃")) > 0.75 > closeness("diannao", spelled_out("阳山水蜜桃"))


def suggested(client: Client, query: str) -> list[str]:
    html = page(client, f"/search/suggest/?q={query}", **PART)
    return re.findall(r'truncate">(.*?)</span></a>', html)


def api(client: Client, query: str) -> list[str]:
    answer = client.get(f"/api/v1/products/?{query}")
    assert answer.status_code == 200, answer.content
    return [one["title"] for one in answer.json()["results"]]


@pytest.mark.django_db
def test_a_search_forgives_narrows_and_orders(client: Client) -> None:
    tea = world.product(world.yunling(), "云岭红茶", retail_fen=12_800, pieces=3)
    cup = world.product(world.yunling(), "白瓷杯 红茶用", retail_fen=4_900, pieces=0, on=world.category("cups", "杯子"))
    peach = world.product(world.yangshan(), "阳山水蜜桃", retail_fen=6_800)
    Product.objects.filter(pk=cup.pk).update(sold_count=500)
    found = {
        "红茶": ["白瓷杯 红茶用", "云岭红茶"],
        "hongcha": ["白瓷杯 红茶用", "云岭红茶"],
        "ylhc": ["云岭红茶"],
        "shuimitao": ["阳山水蜜桃"],
        "红茶&sort=price_low": ["白瓷杯 红茶用", "云岭红茶"],
        "红茶&sort=price_high": ["云岭红茶", "白瓷杯 红茶用"],
        "红茶&sort=sold": ["白瓷杯 红茶用", "云岭红茶"],
        "红茶&stock=1": ["云岭红茶"],
        "红茶&low=100.5": ["云岭红茶"],
        "红茶&low=200&high=10": ["白瓷杯 红茶用", "云岭红茶"],
        "红茶&low=49&high=49": ["白瓷杯 红茶用"],
        "红茶&category=cups": ["白瓷杯 红茶用"],
        f"阳山&supplier={peach.supplier.code}": ["阳山水蜜桃"],
        f"阳山&supplier={tea.supplier.code}": [],
        # Without words: what passes, the newest first.
        f"&supplier={tea.supplier.code}": ["白瓷杯 红茶用", "云岭红茶"],
        "": [],
    }
    assert {query: titles(page(client, f"/search/?q={query}")) for query in found} == found
    # What is mistaken leads somewhere: by its sound, by its other words, by its spelling.
    assert titles(page(client, "/search/?q=水密桃")) == ["阳山水蜜桃"]
    assert titles(page(client, "/search/?q=云岭红查"))[0] == "云岭红茶"
    assert f'href="/p/{peach.number}/"' in page(client, "/search/?q=shuimitoa")
    assert "价格请以元填写" in page(client, "/search/?q=红茶&low=abc")
    assert titles(page(client, "/c/cups/?sort=price_high&low=1")) == ["白瓷杯 红茶用"]
    assert suggested(client, "hongc") == ["白瓷杯 红茶用", "云岭红茶", "搜索“hongc”"]
    assert suggested(client, "beiz") == ["杯子", "白瓷杯 红茶用", "搜索“beiz”"]
    assert api(client, "q=hongcha&sort=relevance&in_stock=true") == ["云岭红茶"]
    assert api(client, "low_fen=5000&high_fen=7000") == ["阳山水蜜桃"]
    for query, field in (("sort=relevance", "q"), ("low_fen=-1", "low_fen"), ("supplier=nobody", "supplier")):
        answer = client.get(f"/api/v1/products/?{query}")
        assert (answer.status_code, field in str(answer.json())) in {(400, True), (404, True)}, query
    told = client.get("/api/v1/search/suggestions/?q=beizi").json()
    assert told[0] == {"text": "杯子", "category": "cups", "product": None}


@pytest.mark.django_db
def test_pages_of_what_fits_best_neither_repeat_nor_skip(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shop.web.shelf.PAGE_SIZE", 2)
    for number in range(5):
        world.product(world.yunling(), f"红茶 {number}")
    address, seen = "/search/?q=红茶", []
    while address:
        html = page(client, address)
        seen += titles(html)
        following = re.search(r'hx-get="(/search/\?q=[^"]*after=[\d.]+)"', html)
        address = following.group(1).replace("&amp;", "&") if following else ""
    assert seen == [f"红茶 {number}" for number in (4, 3, 2, 1, 0)]
    first = client.get("/api/v1/products/?q=%E7%BA%A2%E8%8C%B6&sort=relevance&page_size=3").json()
    second = client.get(first["next"]).json()
    assert [one["title"] for one in first["results"] + second["results"]] == seen


@pytest.mark.django_db
def test_what_one_searched_for_is_ones_own_and_goes_when_told(client: Client) -> None:
    def tell(person: Client, **told: Any) -> str:
        return person.post("/search/history/", told, **ORIGIN, **PART).content.decode()

    def shown(person: Client) -> list[str]:
        return re.findall(r'truncate">(.*?)</span></a>', person.get("/search/history/").content.decode())

    su = world.customer()
    hers = Client()
    hers.force_login(su, backend="django.contrib.auth.backends.ModelBackend")
    for words in ("红茶", "  蜜 桃  ", "红茶", ""):
        tell(client, q=words)
        tell(hers, q=words)
    assert shown(client) == shown(hers) == past_searches(su) == ["红茶", "蜜 桃"]
    tell(client, forget="红茶")
    tell(hers, forget="红茶")
    assert shown(client) == shown(hers) == ["蜜 桃"]
    # A visitor's words stay in her browser; nonsense in it is nothing.
    client.cookies["linjia_searches"] = "%5B1%2C%7B%7D%2C%22<b>%22%5D"
    assert shown(client) == ["&lt;b&gt;"]
    tell(client, clear="1")
    assert shown(client) == []
    headers = {"HTTP_AUTHORIZATION": f"Bearer {issue_tokens(user=su, device='t', now=world.now()).access}"}
    assert client.get("/api/v1/me/searches/", **headers).json() == ["蜜 桃"]
    assert client.post("/api/v1/me/searches/", {"words": "茶"}, "application/json", **headers).status_code == 204
    assert client.post("/api/v1/me/searches/", {}, "application/json", **headers).status_code == 400
    assert past_searches(su) == ["茶", "蜜 桃"]
    assert client.delete("/api/v1/me/searches/", **headers).status_code == 204
    assert past_searches(su) == []
