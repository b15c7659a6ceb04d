"""Posters: what stands on them, when they are drawn anew, who may have one made."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.test import Client
from PIL import Image

from distributors.links import actions as links
from distributors.links import drawing, posters
from distributors.links.models import ShareLink
from distributors.stores.models import Store
from distributors.stores.states import DistributorState
from shop.base.errors import NotFound
from shop.catalogue.models import Product
from shop.pricing.models import SkuPrice
from shop.work.models import Due
from shop.work.sweep import run_due
from tests import world

pytestmark = pytest.mark.django_db
CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-CN"}
PART = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture(autouse=True)
def _own_media(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def ahe() -> Store:
    return world.ahe()


def png(width: int, height: int) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (width, height), "#26735a").save(target, "PNG")
    return target.getvalue()


def tea() -> Product:
    return world.product(
        world.yunling(), "云岭红茶", supply_fen=6_000, retail_fen=9_800, floor_fen=8_000, ceiling_fen=12_000
    )


def link_to(product: Product, store: Store) -> ShareLink:
    return links.create_link(store=store, target="product", product=product, now=world.now())


def drawn(spot: posters.Spot, language: str = "zh-hans") -> str:
    return posters.draw_poster(subject=spot.subject(language))


def picture(name: str) -> Image.Image:
    with default_storage.open(name) as file:
        return Image.open(io.BytesIO(file.read())).convert("L")


def read_code(image: Image.Image, url: str) -> bool:
    """Whether the code for this address stands on the poster, module for module."""
    import segno

    matrix = [list(row) for row in segno.make(url, micro=False, error="m").matrix]
    size = len(matrix)
    scale = 190 // size
    side = scale * size
    left, top = drawing.WIDTH - 40 - 36 - side, drawing.HEIGHT - 36 - 36 - 34 - side
    middle = scale // 2
    grey = image.tobytes()
    dark = [
        [grey[(top + y * scale + middle) * image.width + left + x * scale + middle] < 128 for x in range(size)]
        for y in range(size)
    ]
    return dark == [[bool(module) for module in row] for row in matrix]


def test_a_poster_carries_the_code_of_its_link(ahe: Store) -> None:
    link = link_to(tea(), ahe)
    image = picture(drawn(posters.link_spot(link)))
    assert image.size == (drawing.WIDTH, drawing.HEIGHT)
    assert read_code(image, f"{settings.LINJIA_PUBLIC_URL}/s/{link.token}")
    assert not read_code(image, f"{settings.LINJIA_PUBLIC_URL}/s/{link.token[::-1]}")


def test_whatever_stands_on_it_changes_its_name_and_nothing_else_does(ahe: Store) -> None:
    product = tea()
    spot = posters.link_spot(link_to(product, ahe))
    first = drawn(spot)
    assert drawn(spot) == first
    assert posters.poster_url(spot, language="zh-hans").endswith(first)
    assert posters.poster_url(spot, language="en") == ""
    SkuPrice.objects.filter(sku__product=product).update(retail_fen=9_900)
    assert posters.poster_url(spot, language="zh-hans") == ""
    second = drawn(spot)
    assert second != first
    # The one with the old price is gone.
    assert not default_storage.exists(first)


def test_rare_characters_and_pictures_in_names_do_not_break_it() -> None:
    pieces = drawing.runs("𠮷田🍑阿禾\ufe0f\u200d", 30, "Bold")
    assert "".join(text for text, _face in pieces) == "𠮷田阿禾"
    # No font has a character of a plane that holds none; a printer's mark stands for it.
    assert [text for text, _face in drawing.runs("\U000323a0", 30, "Bold")] in ([drawing.MISSING], [], ["\U000323a0"])
    for name in ("𠮷", "龘靐齉", "🍑🍑", "", " ", "ا", "a" * 400, "<b>&amp;</b>", "第一\n第二"):
        facts = drawing.PosterFacts(url="https://linjia.example/s/x", title=name, store_name=name, store_line=name)
        assert Image.open(io.BytesIO(drawing.draw(facts))).size == (drawing.WIDTH, drawing.HEIGHT)


@pytest.mark.parametrize("text", ["云岭高山白茶明前单芽礼盒装" * 4, "Hand picked tea " * 20, "W" * 300])
def test_lines_fit_and_end_with_an_ellipsis(text: str) -> None:
    lines = drawing.wrap(text, 38, "Bold", wide=500, lines_max=2)
    assert len(lines) == 2
    assert lines[-1].endswith("…")
    assert all(drawing.width(line, 38, "Bold") <= 500 for line in lines)


def test_a_picture_that_is_gone_or_broken_leaves_a_plain_box(ahe: Store) -> None:
    broken = drawing.PosterFacts(
        url="https://linjia.example/", title="茶", pictures=[b"not a picture"], portrait=b"GIF89a"
    )
    whole = drawing.PosterFacts(url="https://linjia.example/", title="茶", pictures=[png(800, 800)])
    assert drawing.draw(broken) != drawing.draw(whole)


def test_a_revoked_link_and_a_product_off_sale_have_no_poster(ahe: Store) -> None:
    product = tea()
    link = link_to(product, ahe)
    links.revoke_link(link=link, now=world.now())
    assert drawn(posters.link_spot(link)) == ""
    with pytest.raises(NotFound):
        posters.poster_url(posters.link_spot(link), language="zh-hans")
    with pytest.raises(NotFound):
        posters.poster_url(posters.page_spot(product="P0000000000000000"), language="zh-hans")
    with pytest.raises(NotFound):
        posters.poster_url(posters.page_spot(product=product.number), language="../../etc")


def test_asking_twice_is_asking_once_and_the_sweep_draws(client: Client, ahe: Store) -> None:
    product = tea()
    client.force_login(world.customer())
    address = f"/share/poster/?product={product.number}"
    for _time in range(2):
        waiting = client.post(address, **CHINESE, **PART).content.decode()
        assert "正在绘制海报" in waiting
        assert f"product={product.number}&amp;looks=1" in waiting
    assert Due.objects.filter(what="poster.draw").count() == 1
    run_due(rounds_max=2)
    assert Due.objects.filter(what="poster.draw", state="done").count() == 1
    ready = client.get(address, **CHINESE, **PART).content.decode()
    assert "保存海报" in ready
    assert "/media/posters/zh-hans/" in ready


def test_a_poster_that_never_comes_says_so(client: Client) -> None:
    client.force_login(world.customer())
    page = client.get(f"/share/poster/?product={tea().number}&looks=200", **CHINESE, **PART).content.decode()
    assert "海报暂时无法生成" in page
    assert "hx-get" not in page


def test_only_a_link_s_owner_has_its_poster(client: Client, ahe: Store) -> None:
    link = link_to(tea(), ahe)
    client.force_login(world.customer())
    assert client.post(f"/share/poster/?token={link.token}", **PART).status_code == 404
    client.force_login(world.lin().distributor.user)
    assert client.post(f"/share/poster/?token={link.token}", **PART).status_code == 404
    client.force_login(ahe.distributor.user)
    assert client.post(f"/share/poster/?token={link.token}", **PART).status_code == 200
    assert Due.objects.filter(what="poster.draw").count() == 1


def test_a_visitor_signs_in_for_a_poster_and_may_copy_the_page(client: Client, ahe: Store) -> None:
    product = tea()
    html = client.get(f"/share/?product={product.number}", **CHINESE).content.decode()
    assert f"http://testserver/p/{product.number}/" in html
    assert "登录后生成海报" in html
    assert client.post(f"/share/poster/?product={product.number}").status_code == 302


def test_an_owner_shares_with_her_own_link_once_she_asks_for_it(client: Client, ahe: Store) -> None:
    product = tea()
    client.force_login(ahe.distributor.user)
    address = f"/share/?product={product.number}"
    assert "使用我的店铺链接" in client.get(address, **CHINESE, **PART).content.decode()
    assert not ShareLink.objects.exists()
    made = client.post("/share/own-link/", {"product": product.number, "store": ""}, **CHINESE, **PART).content.decode()
    link = ShareLink.objects.get()
    assert (link.store, link.product) == (ahe, product)
    assert f"http://testserver/s/{link.token}" in made
    assert "专属链接" in made
    client.post("/share/own-link/", {"product": product.number}, **PART)
    assert ShareLink.objects.count() == 1
    assert f"/s/{link.token}" in client.get(address, **CHINESE, **PART).content.decode()


def test_a_closed_store_shares_as_everybody_does(client: Client, ahe: Store) -> None:
    product = tea()
    ahe.distributor.__class__.objects.filter(pk=ahe.distributor.pk).update(state=DistributorState.SUSPENDED)
    client.force_login(ahe.distributor.user)
    html = client.get(f"/share/?product={product.number}", **CHINESE, **PART).content.decode()
    assert "使用我的店铺链接" not in html
    assert f"http://testserver/p/{product.number}/" in html


def test_the_shop_itself_can_be_shared(client: Client) -> None:
    tea()
    assert 'value="http://testserver/"' in client.get("/share/", **CHINESE, **PART).content.decode()
    assert drawn(posters.page_spot()).startswith("posters/zh-hans/shop/")
