"""What machines read: robots, sitemaps, structured data."""

import json
import re
import xml.etree.ElementTree as ET

import pytest
from django.db import connection
from django.test import Client

from distributors.stores.states import DistributorState
from shop.catalogue import actions as catalogue
from shop.web import structured
from tests import world

pytestmark = pytest.mark.django_db
NAMESPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def locations(client: Client, path: str) -> list[str]:
    response = client.get(path)
    assert response.status_code == 200, path
    assert response["Content-Type"] == "application/xml"
    return [str(node.text) for node in ET.fromstring(response.content).iter(f"{NAMESPACE}loc")]


def test_robots_lead_to_the_sitemap_and_keep_out_of_what_is_somebodys_own(client: Client) -> None:
    lines = client.get("/robots.txt").content.decode().splitlines()
    assert "Sitemap: http://testserver/sitemap.xml" in lines
    closed = {line.removeprefix("Disallow: ") for line in lines if line.startswith("Disallow")}
    assert {"/me/", "/cart/", "/orders/", "/dashboard/", "/admin/", "/api/", "/search/", "/share/"} <= closed
    assert not any("/p/".startswith(path) or "/store/".startswith(path) for path in closed)


def test_the_sitemap_names_every_public_page_and_no_other(client: Client) -> None:
    sold, gone = world.product(world.yunling(), "云岭红茶"), world.product(world.yunling(), "云岭绿茶")
    catalogue.take_off_sale(product=gone, actor=world.STAFF, at=world.now())
    ahe, lin = world.ahe(), world.lin()
    type(lin.distributor).objects.filter(pk=lin.distributor_id).update(state=DistributorState.SUSPENDED)
    parts = locations(client, "/sitemap.xml")
    assert [part.removeprefix("http://testserver") for part in parts] == [
        "/sitemaps/pages.xml",
        "/sitemaps/products.xml",
        "/sitemaps/stores.xml",
    ]
    found = [url for part in parts for url in locations(client, part.removeprefix("http://testserver"))]
    assert sorted(found) == sorted(
        f"http://testserver{path}" for path in ("/", "/c/", "/c/tea/", f"/p/{sold.number}/", f"/store/{ahe.code}/")
    )
    for url in found:
        assert client.get(url.removeprefix("http://testserver")).status_code == 200


def test_many_products_stand_in_a_sitemap_for_each_letter(client: Client) -> None:
    product = world.product(world.yunling(), "云岭红茶")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_class SET reltuples = 1000000 WHERE relname = 'catalogue_product'")
    parts = locations(client, "/sitemap.xml")
    assert len(parts) == 64
    found = [url for part in parts[1:-1] for url in locations(client, part.removeprefix("http://testserver"))]
    assert found == [f"http://testserver/p/{product.number}/"]
    assert client.get("/sitemaps/products--.xml").status_code == 404
    assert client.get("/sitemaps/products-ab.xml").status_code == 404


def blocks(html: str) -> list[dict]:
    found = [
        json.loads(text) for text in re.findall(r'<script type="application/ld\+json">(.*?)</script>', html, re.DOTALL)
    ]
    return [one for facts in found for one in (facts if isinstance(facts, list) else [facts])]


def test_a_product_tells_its_offer(client: Client) -> None:
    product = world.product(world.yunling(), "云岭红茶", supply_fen=6_000, retail_fen=9_800)
    facts = {one["@type"]: one for one in blocks(client.get(f"/p/{product.number}/").content.decode())}
    assert facts["Product"]["name"] == "云岭红茶"
    assert facts["Product"]["offers"]["price"] == "98.00"
    assert facts["Product"]["offers"]["availability"] == "https://schema.org/InStock"
    assert facts["Product"]["offers"]["url"] == f"http://testserver/p/{product.number}/"
    assert [step["name"] for step in facts["BreadcrumbList"]["itemListElement"]] == ["分类", "茶叶", "云岭红茶"]


def test_a_store_tells_who_it_is(client: Client) -> None:
    ahe = world.ahe()
    (facts,) = blocks(client.get(f"/store/{ahe.code}/").content.decode())
    assert (facts["@type"], facts["name"]) == ("Store", ahe.name)


@pytest.mark.parametrize("title", ["</script><script>alert(1)</script>", "<!--", "a & b", '"; alert(1)//', "\u2028"])
def test_texts_of_people_stay_texts(title: str) -> None:
    block = structured.data_block(
        structured.store_facts(url="https://x.example/", name=title, description="", picture="")
    )
    assert block.count("<script") == 1
    assert block.count("</") == 1
    assert (
        json.loads(block.removeprefix('<script type="application/ld+json">').removesuffix("</script>"))["name"] == title
    )
