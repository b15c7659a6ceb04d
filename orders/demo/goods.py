"""The demo's shelves: suppliers, categories, products with pictures, freight, and two real catalogues."""

import json
import shutil
import subprocess
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password

from orders.demo.cast import PASSWORD, SUPPLIER_OWNERS, Role
from shop.accounts.models import User
from shop.catalogue import actions as catalogue
from shop.catalogue.categories import create_category
from shop.catalogue.models import Category, Product, ProductImage
from shop.catalogue.pictures import add_picture, draw_picture
from shop.catalogue.rules import SkuDraft
from shop.catalogue.states import ProductState
from shop.freight import actions as freight
from shop.freight.models import FreightTemplate
from shop.imports.actions import import_catalogue
from shop.pricing import actions as pricing
from shop.pricing.rules import Prices, band
from shop.stock import actions as stock
from shop.suppliers import actions as suppliers
from shop.suppliers.models import Supplier

DATA = Path(__file__).parent / "data"
STAFF = "staff:demo"
# Remote provinces nobody of the demo ships fresh goods to.
FAR = ("540000", "650000")
REAL_CATALOGUES = (
    ("shopify-apparel.csv", "shanye-cloth", "clothing"),
    ("shopify-home-and-garden.csv", "chenjian-home", "home"),
)


@cache
def _password() -> str:
    # Hashing is slow on purpose, and everybody of the demo has the same password.
    return make_password(PASSWORD)


def person(role: Role) -> User:
    """Return a person of the demo, making the account at the first time."""
    fresh = {"name": role.name, "password": _password()}
    return User.objects.get_or_create(phone=role.phone, defaults=fresh)[0]


def load(now: datetime) -> list[Product]:
    """Put everything on the shelves; what is there already stays.

    Returns the neighbours' own goods; of the imported ones there are only a few pieces.
    """
    told: dict[str, Any] = json.loads((DATA / "goods.json").read_text(encoding="utf-8"))
    shelves = {row["code"]: _category(place, row) for place, row in enumerate(told["categories"])}
    houses = {row["code"]: _supplier(row, now) for row in told["suppliers"]}
    scenes = [row["scene"] for row in told["products"]] + told["imported_scenes"]
    pictures = draw(scenes)
    # The imported ones first: the newest stand in front.
    for filename, code, shelf in REAL_CATALOGUES:
        _import(filename, houses[code], shelves[shelf], pictures, now)
    for row in told["products"]:
        supplier = houses[row["supplier"]]
        if not Product.objects.filter(supplier=supplier, handle=row["handle"]).exists():
            _product(row, supplier, shelves[row["category"]], pictures, now)
    # Orders of the story show the pictures as they were, so they are drawn before it begins.
    for number in ProductImage.objects.filter(file="").exclude(picture=None).values_list("picture__number", flat=True):
        draw_picture(number=number, now=now)
    own = [row["handle"] for row in told["products"]]
    return list(Product.objects.filter(handle__in=own, state=ProductState.ON_SALE).order_by("pk"))


def draw(scenes: list[dict[str, Any]]) -> Path | None:
    """Render the scenes to WebP files; return their folder, or None where no renderer is installed.

    Without pictures the pages draw a plain podium.
    """
    node, script = shutil.which("node"), settings.BASE_DIR / "frontend" / "scenes" / "render.mjs"
    folder = Path(settings.MEDIA_ROOT) / "scenes"
    if node is None or not script.exists():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    plan = folder / "scenes.json"
    plan.write_text(json.dumps(scenes), encoding="utf-8")
    done = subprocess.run(  # noqa: S603 - our own script, our own files
        [node, str(script), "--in", str(plan), "--out", str(folder)],
        cwd=script.parent.parent,
        capture_output=True,
        check=False,
        timeout=180,
    )
    return folder if done.returncode == 0 else None


def _category(place: int, row: dict[str, Any]) -> Category:
    found = Category.objects.filter(code=row["code"]).first()
    return found or create_category(
        code=row["code"],
        name=row["name"],
        name_en=row["name_en"],
        icon=row["icon"],
        position=place,
        return_days=row["return_days"],
    )


def _supplier(row: dict[str, Any], now: datetime) -> Supplier:
    found = Supplier.objects.filter(code=row["code"]).first()
    if found is not None:
        return found
    owner = person(SUPPLIER_OWNERS[row["code"]])
    made = suppliers.create(
        name=row["name"],
        code=row["code"],
        owner=owner,
        contact_name=row["contact"],
        contact_phone=str(owner.phone),
        return_address=row["return_address"],
        about=row["about"],
    )
    suppliers.approve(supplier=made, actor=STAFF, at=now)
    prices = row["freight"]
    template = freight.create_template(
        supplier=made, name="标准快递", basis=FreightTemplate.Basis(prices["basis"]), is_default=True
    )
    freight.set_rule(
        template=template,
        first_units=prices["first_units"],
        first_fen=prices["first"],
        continued_units=prices["more_units"],
        continued_fen=prices["more"],
        free_above_fen=prices["free_above"],
    )
    for code in FAR:
        freight.set_rule(template=template, region_code=code, is_deliverable=False)
    return made


def _product(row: dict[str, Any], supplier: Supplier, shelf: Category, pictures: Path | None, now: datetime) -> None:
    actor = f"supplier:{supplier.code}"
    combinations = _combinations(row["options"])
    drafts = [
        SkuDraft(values, f"{row['handle']}-{place}".upper(), row["weight_g"] + add_g)
        for place, (values, _add_fen, add_g) in enumerate(combinations, start=1)
    ]
    made = catalogue.create_product(
        supplier=supplier,
        category=shelf,
        title=row["title"],
        subtitle=row["subtitle"],
        description_html=_description(row, supplier),
        option_names=[axis["name"] for axis in row["options"]],
        skus=drafts,
        handle=row["handle"],
        actor=actor,
        at=now,
    )
    skus = list(made.skus.order_by("position", "pk"))
    prices = {}
    for sku, (_values, add_fen, _add_g) in zip(skus, combinations, strict=True):
        retail_fen = row["retail_fen"] + add_fen
        # The supplier's share of what an option adds is the product's own.
        supply_fen = row["supply_fen"] * retail_fen // row["retail_fen"]
        floor_fen, ceiling_fen = band(supply_fen=supply_fen, retail_fen=retail_fen)
        was_fen = row["compare_at_fen"]
        prices[sku.pk] = Prices(
            supply_fen=supply_fen,
            retail_fen=retail_fen,
            floor_fen=floor_fen,
            ceiling_fen=ceiling_fen,
            compare_at_fen=was_fen + add_fen if was_fen else None,
        )
        stock.receive(sku=sku, quantity=row["stock"], reference="首批入库", at=now)
    pricing.set_prices(prices=prices)
    _picture(made, pictures, now)
    made.refresh_from_db()
    catalogue.submit_for_review(product=made, actor=actor, at=now)
    catalogue.approve_product(product=made, actor=STAFF, at=now)


def _combinations(axes: list[dict[str, Any]]) -> list[tuple[tuple[str, ...], int, int]]:
    """Return every combination of option values with what it adds to price (fen) and weight (g)."""
    found: list[tuple[tuple[str, ...], int, int]] = [((), 0, 0)]
    for axis in axes:
        found = [
            ((*values, value["value"]), add_fen + value["add_fen"], add_g + value["add_g"])
            for values, add_fen, add_g in found
            for value in axis["values"]
        ]
    return found


def _description(row: dict[str, Any], supplier: Supplier) -> str:
    return (
        f"<p>{row['subtitle']}。</p><p>由<strong>{supplier.name}</strong>直接发货：{supplier.about}</p>"
        "<ul><li>付款后 48 小时内发出</li><li>破损包赔，拍照即可</li></ul>"
    )


def _picture(product: Product, pictures: Path | None, now: datetime) -> None:
    found = pictures / f"{product.handle}.webp" if pictures else None
    if found is not None and found.exists() and not product.images.exclude(picture=None).exists():
        add_picture(product=product, data=found.read_bytes(), alt=product.title, now=now)


def _import(filename: str, supplier: Supplier, shelf: Category, pictures: Path | None, now: datetime) -> None:
    with (DATA / filename).open("rb") as source:
        import_catalogue(
            supplier=supplier,
            source=source,
            filename=filename,
            category_code=shelf.code,
            publish=True,
            actor=STAFF,
            now=now,
        )
    # Their own pictures lie at addresses that a closed network does not reach.
    for product in Product.objects.filter(supplier=supplier, state=ProductState.ON_SALE):
        _picture(product, pictures, now)
