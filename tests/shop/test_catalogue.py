"""What is sold: making it, reviewing it, finding it, and what its words and pictures may hold."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from shop.accounts.models import User
from shop.base.errors import Conflict, Invalid, NotFound
from shop.catalogue import actions, pictures, queries
from shop.catalogue.categories import create_category, set_return_days, update_category
from shop.catalogue.listing import Wish, products_on_sale
from shop.catalogue.models import Category, Product, ProductImage
from shop.catalogue.rules import SkuDraft, clean_html, index_text, query_tokens
from shop.media.rules import small_name
from shop.notifications.models import Notification
from shop.pricing.actions import set_price
from shop.states.machine import StateConflict
from shop.suppliers import actions as suppliers
from shop.work.sweep import run_due
from tests.shop.goods import NOON, only_sku, orchard, pears, shelf
from tests.uploads import files_in, picture

# --- words, without a database ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "kept"),
    [
        ("<p>好吃</p>", "<p>好吃</p>"),
        ("<p onclick=x()>a</p>", "<p>a</p>"),
        ("<script>x()</script>b", "b"),
        ("<style>p{}</style>b", "b"),
        ("<img src=x onerror=x()>", ""),
        ("<a href='javascript:x()'>link</a>", "link"),
        ("<a href='https://elsewhere.example'>link</a>", "link"),
        ("<svg><script>x()</script></svg>", ""),
        ("<iframe src='//evil'></iframe>", ""),
        ("<p style='position:fixed'>a</p>", "<p>a</p>"),
        ("<td colspan=2 class=x>a</td>", "a"),
        ("1 < 2 & 3", "1 &lt; 2 &amp; 3"),
        ("<math><mtext></mtext><img src=x></math>", ""),
        ("<!-- hidden -->a", "a"),
    ],
)
def test_a_description_keeps_text_only(html: str, kept: str) -> None:
    assert clean_html(html) == kept
    assert clean_html(clean_html(html)) == kept


def test_chinese_is_found_by_any_two_characters() -> None:
    words = set(index_text(["砀山酥梨 Crisp Pear ５kg"]).split(" "))
    for question in ("酥梨", "山酥梨", "砀山", "梨", "crisp", "CRI", "pear", "5KG"):
        assert words.issuperset(query_tokens(question)), question
    for question in ("苹果", "梨山", "ear", "apple"):
        assert not words.issuperset(query_tokens(question)), question
    assert query_tokens("  ，。!% ") == []


# --- lives ---------------------------------------------------------------------------------------

pytestmark = pytest.mark.django_db


def test_a_product_comes_on_sale_after_a_review() -> None:
    supplier = orchard(code="pears")
    owner = User.objects.create_user("13800000001")
    suppliers.add_member(supplier=supplier, user=owner, role="owner")
    product = pears(supplier)
    actions.submit_for_review(product=product, actor="supplier:pears", at=NOON)
    actions.reject_product(product=product, actor="staff:U1", reason="标题太短", at=NOON)
    actions.submit_for_review(product=product, actor="supplier:pears", at=NOON)
    with pytest.raises(NotFound):
        queries.product_for_sale(product.number)
    actions.approve_product(product=product, actor="staff:U1", at=NOON)
    assert queries.product_for_sale(product.number) == product
    told = Notification.objects.filter(user=owner, kind="product_reviewed").order_by("pk")
    assert [one.facts["product"] for one in told] == ["砀山酥梨", "砀山酥梨"]
    assert told[0].facts["result"] == "标题太短"
    actions.take_off_sale(product=product, actor="supplier:pears", at=NOON)
    assert not queries.on_sale_products().exists()
    actions.put_on_sale(product=product, actor="supplier:pears", at=NOON + timedelta(days=1))
    product.refresh_from_db()
    assert (product.state, product.on_sale_at) == ("on_sale", NOON)


def test_a_suppliers_change_of_words_is_reviewed_again_but_staffs_is_not() -> None:
    product = pears(orchard(code="pears"), on_sale=True)
    actions.update_product(product=product, actor="staff:U1", at=NOON, subtitle="脆甜")
    product.refresh_from_db()
    assert (product.state, product.subtitle) == ("on_sale", "脆甜")
    actions.update_product(product=product, actor="supplier:pears", at=NOON, keywords="梨子")
    product.refresh_from_db()
    assert product.state == "on_sale"
    actions.update_product(product=product, actor="supplier:pears", at=NOON, title="特级酥梨")
    product.refresh_from_db()
    assert product.state == "in_review"


def test_what_changed_while_off_sale_cannot_slip_back() -> None:
    product = pears(orchard(code="pears"), on_sale=True)
    actions.take_off_sale(product=product, actor="supplier:pears", at=NOON)
    actions.update_product(product=product, actor="supplier:pears", at=NOON, title="别的东西")
    product.refresh_from_db()
    with pytest.raises(Conflict):
        actions.put_on_sale(product=product, actor="supplier:pears", at=NOON)
    actions.submit_for_review(product=product, actor="supplier:pears", at=NOON)
    seen = Product.objects.get(pk=product.pk)
    actions.update_product(product=product, actor="supplier:pears", at=NOON, title="又是别的")
    with pytest.raises(Conflict):
        actions.approve_product(product=seen, actor="staff:U1", at=NOON)
    seen.refresh_from_db()
    actions.approve_product(product=seen, actor="staff:U1", at=NOON)
    assert Product.objects.get(pk=product.pk).title == "又是别的"


def test_nothing_without_price_sku_or_active_supplier_goes_on_sale() -> None:
    supplier = orchard()
    bare = actions.create_product(supplier=supplier, category=shelf(), title="无价", actor="system", at=NOON)
    with pytest.raises(Invalid) as no_price:
        actions.submit_for_review(product=bare, actor="system", at=NOON)
    priced = pears(supplier)
    actions.set_sku_active(sku=only_sku(priced), is_active=False)
    with pytest.raises(Invalid) as no_sku:
        actions.submit_for_review(product=priced, actor="system", at=NOON)
    assert (no_price.value.field, no_sku.value.field) == ("price", "skus")
    actions.set_sku_active(sku=only_sku(priced), is_active=True)
    suppliers.suspend(supplier=supplier, actor="system", at=NOON, reason="x")
    with pytest.raises(Conflict):
        actions.submit_for_review(product=priced, actor="system", at=NOON)


def test_a_suspended_suppliers_goods_leave_the_shelves_and_come_back() -> None:
    supplier = orchard()
    product = pears(supplier, on_sale=True)
    sku = only_sku(product)
    assert list(queries.skus_for_sale([sku.number, "nonsense"])) == [sku.number]
    suppliers.suspend(supplier=supplier, actor="system", at=NOON, reason="x")
    assert not queries.on_sale_products().exists() and not queries.skus_for_sale([sku.number])
    suppliers.reinstate(supplier=supplier, actor="system", at=NOON)
    assert queries.on_sale_products().get() == product


def test_the_database_refuses_a_step_without_review() -> None:
    product = pears(orchard())
    with pytest.raises(IntegrityError), transaction.atomic():
        Product.objects.filter(pk=product.pk).update(state="on_sale")
    with pytest.raises(StateConflict):
        actions.take_off_sale(product=product, actor="system", at=NOON)


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("title", {"title": " "}),
        ("title", {"title": "x" * 121}),
        ("handle", {"handle": "x" * 121}),
        ("description_html", {"description_html": "x" * 50_001}),
        ("option_names", {"option_names": ["a", "b", "c", "d"]}),
        ("option_names", {"option_names": ["a", "a"]}),
        ("option_values", {"option_names": ["a"], "skus": [SkuDraft()]}),
        ("option_values", {"option_names": ["a"], "skus": [SkuDraft(("1",)), SkuDraft(("1",))]}),
        ("skus", {"skus": []}),
        ("code", {"option_names": ["a"], "skus": [SkuDraft(("1",), "k"), SkuDraft(("2",), "k")]}),
        ("weight_g", {"skus": [SkuDraft(weight_g=-1)]}),
    ],
)
def test_bad_input_names_its_field_and_writes_nothing(field: str, given: dict[str, object]) -> None:
    values = {"supplier": orchard(), "category": shelf(), "title": "梨", "actor": "system", "at": NOON}
    with pytest.raises(Invalid) as refusal:
        actions.create_product(**{**values, **given})  # type: ignore[arg-type]
    assert refusal.value.field == field
    assert not Product.objects.exists()


def test_handles_and_codes_are_a_suppliers_own() -> None:
    supplier, other = orchard(), orchard("红李果园")
    values = {"category": shelf(), "title": "梨", "actor": "system", "at": NOON, "handle": "pear"}
    mine = actions.create_product(supplier=supplier, skus=[SkuDraft(code="K")], **values)  # type: ignore[arg-type]
    actions.create_product(supplier=other, skus=[SkuDraft(code="K")], **values)  # type: ignore[arg-type]
    with pytest.raises(Conflict) as again:
        actions.create_product(supplier=supplier, **values)  # type: ignore[arg-type]
    assert again.value.field == "handle"
    box = actions.create_product(
        supplier=supplier,
        category=shelf(),
        title="盒",
        option_names=["色"],
        skus=[SkuDraft(("红",))],
        actor="system",
        at=NOON,
    )
    with pytest.raises(Conflict) as taken:
        actions.add_sku(product=box, sku=SkuDraft(("绿",), "K"), actor="system", at=NOON)
    with pytest.raises(Conflict) as same:
        actions.add_sku(product=box, sku=SkuDraft(("红",)), actor="system", at=NOON)
    green = actions.add_sku(product=box, sku=SkuDraft(("绿",), "G", 300), actor="system", at=NOON)
    assert (taken.value.field, same.value.field) == ("code", "option_values")
    assert (green.position, green.weight_g, green.option_text) == (1, 300, "绿")
    with pytest.raises(Conflict):
        actions.update_sku(sku=green, code="K")
    assert actions.update_sku(sku=green, weight_g=350).weight_g == 350
    assert queries.product_of(supplier, mine.number) == mine
    with pytest.raises(NotFound):
        queries.product_of(other, mine.number)


# --- shelves and search --------------------------------------------------------------------------


def test_shelves_have_three_levels_and_lists_show_what_lies_below() -> None:
    food = create_category(code="food", name="食品", name_en="Food")
    fruit = create_category(code="fruit", name="水果", parent=food)
    pear_shelf = create_category(code="pears", name="梨", parent=fruit, return_days=0)
    create_category(code="home", name="家居", position=1)
    with pytest.raises(Invalid) as deep:
        create_category(code="deeper", name="更深", parent=pear_shelf)
    with pytest.raises(Conflict):
        create_category(code="food", name="又一个")
    with pytest.raises(Invalid) as code:
        create_category(code="Not A Slug", name="x")
    with pytest.raises(Invalid):
        set_return_days(category=fruit, return_days=91)
    assert (deep.value.field, code.value.field) == ("parent", "code")
    tree = queries.category_tree()
    assert [(node.category.code, [one.category.code for one in node.below]) for node in tree] == [
        ("food", ["fruit"]),
        ("home", []),
    ]
    product = pears(orchard(), on_sale=True)
    for category, found in ((food, 1), (fruit, 1), (Category.objects.get(code="home"), 0)):
        inside = products_on_sale(Wish(category_id=category.pk), limit=10)
        assert [one.pk for one in inside] == [product.pk] * found


def test_search_finds_by_words_shelf_option_and_supplier() -> None:
    supplier = orchard("青梨果园")
    product = pears(supplier, title="砀山酥梨", sizes=("五斤装",), on_sale=True)
    pears(supplier, title="红富士苹果", on_sale=True)
    pears(supplier, title="酥梨（未上架）")
    for text, titles in {
        "酥梨": ["砀山酥梨"],
        "砀山 五斤": ["砀山酥梨"],
        "苹果": ["红富士苹果"],
        "青梨果园": ["红富士苹果", "砀山酥梨"],
        "水果": ["红富士苹果", "砀山酥梨"],
        "苹果 酥梨": [],
        "%": [],
        "' OR 1=1 --": [],
    }.items():
        found = queries.search_products(text).order_by("-pk")
        assert [one.title for one in found] == titles, text
    update_category(category=product.category, name="生鲜")
    assert queries.search_products("生鲜").count() == 2
    assert queries.search_products("水果").count() == 0


def test_a_rare_word_is_found_through_the_index() -> None:
    supplier, category = orchard(), shelf()
    Product.objects.bulk_create(
        Product(
            supplier=supplier,
            category=category,
            handle=f"p{n}",
            title=f"商品 {n}",
            search_text=index_text([f"商品 {n}", "砀山酥梨" if n == 7 else "红富士苹果"]),
            state="on_sale",
        )
        for n in range(3000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE catalogue_product")
    rows = queries.search_products("酥梨").order_by("-pk")[:24]
    assert [one.title for one in rows] == ["商品 7"]
    assert "product_found_by" in rows.explain()


@pytest.mark.parametrize("count", [1, 4])
def test_a_list_takes_one_statement_and_a_page_two(
    django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    supplier = orchard()
    products = [pears(supplier, title=f"梨 {n}", on_sale=True) for n in range(count)]
    with django_assert_num_queries(1):
        assert [one.title for one in queries.on_sale_products().order_by("-pk")] == [
            one.title for one in reversed(products)
        ]
    with django_assert_num_queries(1):
        queries.category_tree()
    with django_assert_num_queries(2), CaptureQueriesContext(connection):
        product = queries.product_for_sale(products[0].number)
        assert (product.supplier.name, product.category.parent) == ("青梨果园", None)
        assert list(product.images.all()) == []


# --- pictures ------------------------------------------------------------------------------------


def test_a_product_shows_a_picture_once_it_is_drawn(media_folder: Path) -> None:
    product = pears(orchard())
    image = pictures.add_picture(product=product, data=picture(1000, 500), alt="一筐梨", now=NOON)
    assert (image.file.name, image.width, image.height) == ("", 800, 400)
    run_due(rounds_max=1)
    image.refresh_from_db()
    assert image.picture is not None
    assert (image.file.name, image.alt) == (image.picture.file, "一筐梨")
    assert default_storage.exists(small_name(image.file.name))


def test_a_refused_picture_leaves_the_product_as_it_was(media_folder: Path) -> None:
    with pytest.raises(Invalid) as refusal:
        pictures.add_picture(product=pears(orchard()), data=b"<svg/>", now=NOON)
    assert refusal.value.field == "file"
    assert not ProductImage.objects.exists() and files_in(media_folder) == []


def test_pictures_are_ordered_counted_and_removed_with_their_files(media_folder: Path) -> None:
    product, other = pears(orchard()), pears(orchard("红李果园"))
    first, second = (pictures.add_picture(product=product, data=picture(40, 40), now=NOON) for _n in range(2))
    assert (first.position, second.position) == (0, 1)
    pictures.arrange_pictures(product=product, image_ids=[second.pk, first.pk])
    assert [image.pk for image in product.images.all()] == [second.pk, first.pk]
    for ids in ([first.pk], [first.pk, first.pk], [first.pk, second.pk, 999]):
        with pytest.raises(Invalid):
            pictures.arrange_pictures(product=product, image_ids=ids)
    with pytest.raises(NotFound):
        pictures.remove_picture(product=other, image_id=first.pk, now=NOON)
    run_due(rounds_max=1)
    pictures.remove_picture(product=product, image_id=first.pk, now=NOON)
    run_due(rounds_max=2)
    second.refresh_from_db()
    assert files_in(media_folder) == sorted([f"public/{second.file.name}", f"public/{small_name(second.file.name)}"])
    for _n in range(19):
        ProductImage.objects.create(product=product, source_url=f"https://x.example/{_n}")
    with pytest.raises(Conflict):
        pictures.add_picture(product=product, data=picture(40, 40), now=NOON)


def test_a_products_row_has_what_lists_show() -> None:
    product = pears(orchard(), sizes=("小", "大"), on_sale=True)
    small, large = product.skus.order_by("position")
    set_price(sku=large, supply_fen=1_000, retail_fen=3_000, compare_at_fen=4_000)
    product.refresh_from_db()
    assert product.compare_at_fen == 4_000
    set_price(sku=small, supply_fen=1_000, retail_fen=2_000, compare_at_fen=2_500)
    product.refresh_from_db()
    assert (product.min_retail_fen, product.compare_at_fen, product.cover) == (2_000, 2_500, None)
    first = ProductImage.objects.create(product=product, position=1, file="products/a.webp", alt="梨")
    second = ProductImage.objects.create(product=product, position=2, file="products/b.webp")
    product.refresh_from_db()
    assert product.cover == {"file": "products/a.webp", "width": 800, "height": 800, "alt": "梨"}
    first.delete()
    product.refresh_from_db()
    assert product.cover["file"] == "products/b.webp"
    second.delete()
    product.refresh_from_db()
    assert product.cover is None
