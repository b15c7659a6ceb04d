"""Bringing catalogues in: two real files to the last fen, our own form, and every way a row can be wrong."""

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from shop.base.errors import Invalid
from shop.catalogue.models import Category, Product, ProductImage, Sku
from shop.catalogue.queries import on_sale_products, search_products
from shop.freight.actions import create_template
from shop.imports.actions import ImportReport, import_catalogue
from shop.pricing.actions import set_price
from shop.pricing.models import SkuPrice
from shop.stock.actions import commit, reserve
from shop.stock.models import StockItem, StockMovement
from shop.suppliers.models import Supplier
from tests.shop.goods import NOON, orchard, shelf

pytestmark = pytest.mark.django_db

DATA = Path(__file__).parent.parent / "data"
REAL = ["shopify-apparel.csv", "shopify-home-and-garden.csv"]


@pytest.fixture
def supplier() -> Supplier:
    return orchard(code="orchard")


def bring(supplier: Supplier, data: bytes | str, **options: object) -> ImportReport:
    raw = data.encode() if isinstance(data, str) else data
    return import_catalogue(supplier=supplier, source=io.BytesIO(raw), now=NOON, **options)  # type: ignore[arg-type]


def real_rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def fen(yuan: str) -> int:
    return int(Decimal(yuan) * 100)


def counts() -> tuple[int, ...]:
    return tuple(m.objects.count() for m in (Product, Sku, SkuPrice, StockItem, StockMovement, ProductImage))


@pytest.mark.parametrize("name", REAL)
def test_a_real_catalogue_arrives_to_the_fen(supplier: Supplier, name: str) -> None:
    rows = real_rows(name)
    report = bring(supplier, (DATA / name).read_bytes())
    assert (report.rows, report.created, report.updated, report.unchanged) == (len(rows), 20, 0, 0)
    assert (report.problems, report.notes, report.skus) == ((), (), len(rows))
    titles = {row["Handle"]: row for row in rows if row["Title"]}
    assert len(titles) == 20 == Product.objects.count()
    assert Sku.objects.count() == len(rows)
    for row in rows:
        first = titles[row["Handle"]]
        product = Product.objects.get(supplier=supplier, handle=row["Handle"])
        assert product.title == first["Title"]
        has_options = first["Option1 Value"] != "Default Title"
        assert product.option_names == ([first["Option1 Name"]] if has_options else [])
        sku = product.skus.get(option_values=[row["Option1 Value"]] if has_options else [])
        compare = fen(row["Variant Compare At Price"]) if row["Variant Compare At Price"] else None
        retail = fen(row["Variant Price"])
        assert (sku.price.retail_fen, sku.price.compare_at_fen) == (retail, compare)
        assert sku.price.supply_fen == retail * 7 // 10
        assert sku.stock.on_hand == sku.stock.received == int(row["Variant Inventory Qty"])
        assert (sku.weight_g, sku.code, sku.barcode) == (0, "", "")
    for handle in titles:
        mine = [row for row in rows if row["Handle"] == handle]
        product = Product.objects.get(handle=handle)
        assert product.min_retail_fen == min(fen(row["Variant Price"]) for row in mine)
        addresses = [row["Image Src"] for row in mine if row["Image Src"]]
        assert [image.source_url for image in product.images.all()] == addresses
        assert not any(image.file for image in product.images.all())
        assert product.state == "draft"


@pytest.mark.parametrize("name", REAL)
def test_the_same_file_again_changes_nothing(supplier: Supplier, name: str) -> None:
    data = (DATA / name).read_bytes()
    bring(supplier, data)
    before = counts()
    versions = list(Product.objects.order_by("pk").values_list("version", "updated_at"))
    again = bring(supplier, data)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 20)
    assert counts() == before
    assert list(Product.objects.order_by("pk").values_list("version", "updated_at")) == versions


def test_both_files_lie_beside_each_other_and_are_found_by_words(supplier: Supplier) -> None:
    create_template(supplier=supplier, name="全国", basis="piece")
    for name in REAL:
        assert bring(supplier, (DATA / name).read_bytes(), publish=True).published == 20
    assert on_sale_products().count() == 40
    assert [found.title for found in search_products("copper light")] == ["Copper Light"]
    assert search_products("Rustic LTD").count() == 9
    body = Product.objects.get(handle="clay-plant-pot").description_html
    assert body == "<p>Classic blown clay pot for plants</p>"


def test_a_dry_run_counts_and_writes_nothing(supplier: Supplier) -> None:
    before = counts()
    report = bring(supplier, (DATA / REAL[0]).read_bytes(), dry_run=True)
    assert (report.created, report.problems) == (20, ())
    assert counts() == before
    assert not Category.objects.exists()


@pytest.mark.parametrize(
    ("rate", "price", "expected"),
    [("7.1234", "19.99", 14240), ("0.005", "1", 1), ("0.0049", "1", 0), ("7.25", "0.01", 7), ("1.5", "0.01", 2)],
)
def test_a_currency_is_turned_into_fen_exactly_half_up(
    supplier: Supplier, rate: str, price: str, expected: int
) -> None:
    report = bring(supplier, f"handle,title,price\np,Pear,{price}\n", currency_rate=Decimal(rate))
    if expected == 0:
        assert [problem.column for problem in report.problems] == ["price"]
    else:
        assert SkuPrice.objects.get().retail_fen == expected


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "Infinity", "100001"])
def test_a_rate_that_is_none_is_refused(supplier: Supplier, rate: str) -> None:
    with pytest.raises(Invalid) as refusal:
        bring(supplier, "handle,title,price\np,Pear,1\n", currency_rate=Decimal(rate))
    assert refusal.value.field == "currency_rate"


OWN = (
    "商品编码,商品名称,副标题,商品描述,分类,搜索词,规格1名称,规格1,规格编码,零售价,供货价,最低售价,最高售价,划线价,"
    "库存,重量,重量单位,条码,图片\n"
    "pear,砀山酥梨,脆甜,<p>好吃</p><script>x()</script>,水果,梨子，酥梨,规格,5 斤,P5,39.90,25,35,59,49.9,30,2.5,kg,690001,"
    "https://img.example.com/a.jpg https://img.example.com/b.jpg\n"
    "pear,,,,,,,10 斤,P10,69.9,50,,,,12,11.0231,lb,690002,\n"
    "jam,梨膏,,,,,,,J1,25,,,,,5,8,oz,,\n"
)


def own_prices(code: str) -> tuple[int | None, ...]:
    price = SkuPrice.objects.get(sku__code=code)
    return price.supply_fen, price.floor_fen, price.retail_fen, price.ceiling_fen, price.compare_at_fen


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_our_own_form_in_the_encodings_spreadsheets_write(supplier: Supplier, encoding: str) -> None:
    shelf()
    report = bring(supplier, OWN.encode(encoding))
    assert (report.problems, report.created, report.skus, report.pictures) == ((), 2, 3, 2)
    pear = Product.objects.get(handle="pear")
    assert (pear.title, pear.subtitle, pear.keywords) == ("砀山酥梨", "脆甜", "梨子, 酥梨")
    assert (pear.description_html, pear.category.code) == ("<p>好吃</p>", "fruit")
    assert own_prices("P5") == (2500, 3500, 3990, 5900, 4990)
    assert own_prices("P10") == (5000, 6291, 6990, 9087, None)
    assert own_prices("J1") == (1750, 2250, 2500, 3250, None)
    weights = dict(Sku.objects.values_list("code", "weight_g"))
    assert weights == {"P5": 2500, "P10": 5000, "J1": 227}
    assert Sku.objects.get(code="P10").barcode == "690002"
    assert Product.objects.get(handle="jam").category.code == "unsorted"


def test_what_a_file_does_not_name_stays(supplier: Supplier) -> None:
    shelf()
    bring(supplier, OWN)
    box = Sku.objects.get(code="J1")
    set_price(sku=box, supply_fen=1000, retail_fen=2500, floor_fen=2400, ceiling_fen=2600)
    report = bring(supplier, "handle,title,price\njam,梨膏,25\n")
    assert (report.created, report.updated, report.unchanged) == (0, 0, 1)
    assert own_prices("J1") == (1000, 2400, 2500, 2600, None)
    dearer = bring(supplier, "handle,title,price\njam,秋梨膏,30\n")
    assert (dearer.updated, own_prices("J1")) == (1, (1000, 2700, 3000, 3900, None))
    partly = bring(supplier, "handle,title,option1_name,option1_value,price\npear,砀山酥梨,规格,5 斤,39.9\n")
    assert partly.unchanged == 1
    assert "10 斤" in partly.notes[0].message


def test_an_old_list_does_not_bring_back_what_was_sold(supplier: Supplier) -> None:
    shelf()
    bring(supplier, OWN)
    sku = Sku.objects.get(code="J1")
    reserve(reference="O1", quantities={sku.pk: 2}, at=NOON)
    commit(reference="O1", at=NOON)
    assert bring(supplier, OWN).unchanged == 2
    assert StockItem.objects.get(sku=sku).on_hand == 3
    newer = bring(supplier, OWN.replace(",5,8,oz", ",9,8,oz"))
    assert (newer.updated, newer.unchanged) == (1, 1)
    assert StockItem.objects.get(sku=sku).on_hand == 9


def test_options_swapped_between_codes_are_swapped(supplier: Supplier) -> None:
    head = "handle,title,option1_name,option1_value,sku,price\n"
    bring(supplier, head + "t,Shirt,Size,S,A,10\nt,,,M,B,12\n")
    report = bring(supplier, head + "t,Shirt,Size,M,A,10\nt,,,S,B,12\n")
    assert (report.updated, report.problems) == (1, ())
    assert dict(Sku.objects.values_list("code", "option_values")) == {"A": ["M"], "B": ["S"]}


def test_rows_that_only_add_a_picture_and_parts_of_a_product_far_apart(supplier: Supplier) -> None:
    text = (
        "Handle,Title,Option1 Name,Option1 Value,Variant Price,Variant Inventory Qty,Image Src,Image Position\n"
        "a,Apple,Size,S,5,1,https://img.example.com/2.jpg,2\n"
        "b,Bean,Title,Default Title,7,-3,,\n"
        "a,,,,,,https://img.example.com/1.jpg,1\n"
        "a,,,M,6,2,,\n"
    )
    report = bring(supplier, text)
    assert (report.created, report.skus, report.problems) == (2, 3, ())
    apple = Product.objects.get(handle="a")
    assert [image.source_url[-5:] for image in apple.images.all()] == ["1.jpg", "2.jpg"]
    assert [(note.row, note.column) for note in report.notes] == [(3, "Variant Inventory Qty")]
    assert StockItem.objects.get(sku__product__handle="b").on_hand == 0


def test_the_newer_headings_of_shopify_are_known(supplier: Supplier) -> None:
    text = (
        "Title,URL handle,Description,Option1 name,Option1 value,SKU,Price,Cost per item,Compare-at price,"
        "Inventory quantity,Weight value (grams),Weight unit for display,Status,Product image URL\n"
        "Mug,mug,<b>Nice</b>,Title,Default Title,M-1,19.90,8.05,25,4,350,kg,Draft,https://img.example.com/m.png\n"
    )
    create_template(supplier=supplier, name="全国", basis="piece")
    report = bring(supplier, text, publish=True)
    assert (report.created, report.problems, report.published) == (1, (), 0)
    assert own_prices("M-1") == (805, 1791, 1990, 2587, 2500)
    assert Sku.objects.get().weight_g == 350


WRONG = [
    ("price missing", "p,Pear,,,,", "price"),
    ("price words", "p,Pear,cheap,,,", "price"),
    ("price negative", "p,Pear,-5,,,", "price"),
    ("price exponent", "p,Pear,1e3,,,", "price"),
    ("price nan", "p,Pear,NaN,,,", "price"),
    ("price zero", "p,Pear,0,,,", "price"),
    ("price huge", "p,Pear,99999999999999999999,,,", "price"),
    ("stock half", "p,Pear,5,1.5,,", "stock"),
    ("stock huge", "p,Pear,5,99999999999,,", "stock"),
    ("weight words", "p,Pear,5,,heavy,", "weight"),
    ("title missing", "p,,5,,,", "title"),
    ("title long", f"p,{'x' * 121},5,,,", "title"),
    ("handle missing", ",Pear,5,,,", "handle"),
    ("supply above price", "p,Pear,5,,,9", "supply_price"),
    ("formula", "p,=HYPERLINK(1),5,,,", "title"),
    ("command", "p,\"+cmd|' /C calc'!A0\",5,,,", "title"),
]


@pytest.mark.parametrize(("name", "row", "column"), WRONG, ids=[one[0] for one in WRONG])
def test_one_wrong_row_names_its_column_and_nothing_is_written(
    supplier: Supplier, name: str, row: str, column: str
) -> None:
    before = counts()
    report = bring(supplier, f"handle,title,price,stock,weight,supply_price\ngood,Good,5,1,,\n{row}\n")
    assert [(problem.row, problem.column) for problem in report.problems] == [(3, column)]
    assert report.created == 0 and report.problems[0].message
    assert counts() == before


def test_problems_of_several_rows_are_all_told_in_order(supplier: Supplier) -> None:
    head = "handle,title,option1_name,option1_value,sku,price,category,image,weight,weight_unit\n"
    report = bring(
        supplier,
        head
        + "a,A,Size,S,X,1,,,,\na,,,S,X,2,,,,\n"
        + "b,B,,,,3,nowhere,file:///etc/passwd,1,stone\n"
        + "b,Another,,,,3,,,,\n"
        + "c,C,Size,,,4,,../../x.png,,\n",
    )
    assert [(problem.row, problem.column) for problem in report.problems] == [
        (3, "sku"),
        (4, "weight"),
        (4, "image"),
        (4, "category"),
        (5, "title"),
        (6, "option1_value"),
        (6, "image"),
    ]


def test_two_suppliers_use_the_same_handles_and_codes(supplier: Supplier) -> None:
    other = orchard("红李果园", code="plums")
    text = "handle,title,sku,price\np,Pear,K1,5\n"
    assert bring(supplier, text).created == bring(other, text).created == 1
    stolen = bring(supplier, "handle,title,sku,price\nq,Quince,K1,5\n")
    assert [(problem.row, problem.column) for problem in stolen.problems] == [(2, "sku")]
    assert Product.objects.filter(supplier=other).get().title == "Pear"


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "file"),
        (b"handle,title\np,Pear\n", "price"),
        (b"handle,title,price,Price\np,Pear,1,2\n", "price"),
        (b"\xff\xfe\x00", "file"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 100, "xls"),
        (b"PK\x03\x04 not a workbook", ""),
        (b'handle,title,price\np,"Pear,5\n', "Line"),
        (b"handle,title,price\n", ""),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(supplier: Supplier, data: bytes, word: str) -> None:
    with pytest.raises(Invalid) as refusal:
        bring(supplier, data)
    assert refusal.value.field == "file"


def test_a_supplier_who_rewrites_what_is_on_sale_is_reviewed_again(supplier: Supplier) -> None:
    create_template(supplier=supplier, name="全国", basis="piece")
    bring(supplier, "handle,title,price\np,Pear,5\n", publish=True)
    priced = bring(supplier, "handle,title,price\np,Pear,6\n", actor="supplier:orchard")
    assert (priced.updated, Product.objects.get().state) == (1, "on_sale")
    bring(supplier, "handle,title,price\np,Golden pear,6\n", actor="supplier:orchard")
    product = Product.objects.get()
    assert (product.state, product.version, product.reviewed_version) == ("in_review", 2, 1)


def test_publishing_needs_a_way_to_deliver(supplier: Supplier) -> None:
    with pytest.raises(Invalid) as refusal:
        bring(supplier, "handle,title,price\np,Pear,5\n", publish=True)
    assert refusal.value.field == "publish"
    assert not Product.objects.exists()


def test_the_number_of_statements_does_not_grow_with_the_rows(
    supplier: Supplier, django_assert_max_num_queries: object
) -> None:
    rows = "".join(f"p{n},Pear {n},S{n},{n + 1},{n}\n" for n in range(300))
    bring(supplier, "handle,title,sku,price,stock\nwarm,Warm,,1,1\n")
    with django_assert_max_num_queries(40):  # type: ignore[operator]
        report = bring(supplier, f"handle,title,sku,price,stock\n{rows}")
    assert report.created == 300


def test_the_command_reports_rows_and_ends_with_one(supplier: Supplier, tmp_path: Path) -> None:
    out = io.StringIO()
    call_command("import_catalogue", str(DATA / REAL[1]), "--supplier", "orchard", stdout=out)
    assert "20 products, 21 SKUs in 21 rows: 20 created, 0 updated, 0 unchanged." in out.getvalue()
    assert "--fetch-images" in out.getvalue()
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("handle,title,price\np,Pear,x\n", encoding="utf-8")
    err = io.StringIO()
    with pytest.raises(CommandError, match="Nothing was written: 1 problems in 1 rows"):
        call_command("import_catalogue", str(wrong), "--supplier", "orchard", stderr=err)
    assert "row 2, price" in err.getvalue()
    with pytest.raises(CommandError):
        call_command("import_catalogue", str(wrong), "--supplier", "nobody")
    with pytest.raises(CommandError):
        call_command("import_catalogue", str(wrong), "--supplier", "orchard", "--currency-rate", "1e5")
