"""What may be hidden in a workbook or in a picture's address, and what is done about it."""

import http.server
import io
import ipaddress
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pytest
from django.core.management import call_command
from PIL import Image

from shop.base.errors import Invalid
from shop.catalogue.models import Product, ProductImage
from shop.imports import fetching
from shop.imports.actions import import_catalogue
from shop.imports.fetching import NotFetched, Unreachable, fetch_picture, is_public
from shop.imports.pictures import fetch_noted_pictures
from shop.imports.reading import read_sheet
from shop.pricing.models import SkuPrice
from shop.suppliers.models import Supplier
from shop.work.sweep import run_due
from tests.shop.goods import NOON, orchard

HEAD = ["handle", "title", "price", "stock"]


def workbook(*rows: list[object]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def repacked(data: bytes, change: Callable[[str, bytes], bytes], extra: dict[str, bytes] | None = None) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
        for name, content in (extra or {}).items():
            new.writestr(name, content)
    return target.getvalue()


@pytest.fixture
def supplier(db: None) -> Supplier:
    return orchard(code="orchard")


def test_a_workbook_comes_in_like_a_csv(supplier: Supplier) -> None:
    data = workbook(HEAD, ["pear", "砀山酥梨", 19.99, 7], ["jam", "梨膏", "25", 3.0])
    for turn in range(2):
        report = import_catalogue(supplier=supplier, source=io.BytesIO(data), now=NOON)
        assert (report.created, report.unchanged) == ((2, 0) if turn == 0 else (0, 2))
    assert sorted(SkuPrice.objects.values_list("retail_fen", flat=True)) == [1999, 2500]


def test_the_sample_of_the_handbook_comes_in(supplier: Supplier) -> None:
    sample = Path(__file__).parents[2] / "docs" / "catalogue-import-sample.csv"
    report = import_catalogue(supplier=supplier, source=io.BytesIO(sample.read_bytes()), now=NOON)
    assert (report.problems, report.created, report.skus) == ((), 2, 3)


def test_a_formula_is_refused_and_not_worked_out() -> None:
    sheet = read_sheet(io.BytesIO(workbook(HEAD, ["pear", "Pear", "=1+1", 7], ["jam", "=cmd()", 5, 1])))
    assert [(problem.row, problem.column) for problem in sheet.problems] == [(2, "price"), (3, "title")]


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = repacked(workbook(HEAD), lambda _name, body: body, {"xl/worksheets/sheet9.xml": b"0" * 70_000_000})
    assert len(bomb) < 200_000
    many = repacked(workbook(HEAD), lambda _name, body: body, {f"x/{n}.xml": b"" for n in range(600)})
    for data in (bomb, many):
        with pytest.raises(Invalid) as refusal:
            read_sheet(io.BytesIO(data))
        assert refusal.value.field == "file"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused(encoding: str) -> None:
    text = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'

    def change(name: str, body: bytes) -> bytes:
        return text.encode(encoding) if name == "xl/workbook.xml" else body

    with pytest.raises(Invalid):
        read_sheet(io.BytesIO(repacked(workbook(HEAD), change)))


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "/etc/passwd", "xl\\..\\..\\x", "xl/vbaProject.bin"])
def test_paths_and_macros_inside_are_refused(name: str) -> None:
    data = repacked(workbook(HEAD), lambda _name, body: body, {name: b"x"})
    with pytest.raises(Invalid):
        read_sheet(io.BytesIO(data))


def test_a_workbook_that_lies_about_its_size_is_read_as_it_is() -> None:
    def change(name: str, body: bytes) -> bytes:
        return body.replace(b'ref="A1:D2"', b'ref="A1:XFD1048576"') if "sheet1" in name else body

    sheet = read_sheet(io.BytesIO(repacked(workbook(HEAD, ["pear", "Pear", 5, 1]), change)))
    assert [row.cells["title"] for row in sheet.rows] == ["Pear"]


def test_too_many_rows_are_refused() -> None:
    text = "handle,title,price\n" + "p,Pear,1\n" * 20_001
    with pytest.raises(Invalid):
        read_sheet(io.BytesIO(text.encode()))


def picture(width: int = 60, height: int = 40, kind: str = "PNG") -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (width, height), "green").save(target, kind)
    return target.getvalue()


class Answers(http.server.BaseHTTPRequestHandler):
    """A small picture server: each path answers in its own bad way."""

    asked: list[tuple[str, str]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Host"]))
        body, status, kind = picture(), 200, "image/png"
        if self.path == "/page":
            body, kind = b"<html>", "text/html"
        elif self.path == "/drawing":
            body, kind = b"<svg onload='x()'/>", "image/svg+xml"
        elif self.path == "/lie":
            body = b"<html><script>x()</script></html>"
        elif self.path == "/elsewhere":
            status = 302
        elif self.path == "/gone":
            status = 404
        elif self.path == "/big":
            body = b"\0" * (fetching.BYTES_MAX + 1)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status == 302:
            self.send_header("Location", "http://127.0.0.1/")
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            return

    def log_message(self, *_args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[str]:
    """Its address, under a public-looking name."""
    Answers.asked = []
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://pictures.example:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


def here(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def fetch_here(url: str, resolver: fetching.Resolver = here) -> bytes:
    """Fetch with this machine allowed and the server's port among the usual ones."""
    port = int(url.split(":")[2].split("/", maxsplit=1)[0])
    ports = {**fetching.PORTS, "http": port}
    return fetch_picture(url, resolver=resolver, allows=lambda _address: True, ports=ports)


def test_a_picture_is_fetched_from_the_very_address_that_was_checked(server: str) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])

    def changing(_host: str, _port: int) -> list[str]:
        return next(answers)

    assert fetch_here(f"{server}/pear.png", changing) == picture()
    assert Answers.asked == [("/pear.png", server.removeprefix("http://"))]
    assert next(answers) == ["10.0.0.1"]  # the name was asked once


@pytest.mark.parametrize("path", ["/page", "/drawing", "/elsewhere", "/gone", "/big"])
def test_only_a_picture_of_a_fair_size_is_taken(server: str, path: str) -> None:
    with pytest.raises(NotFetched):
        fetch_here(server + path)
    assert [asked for asked, _host in Answers.asked] == [path]  # a redirect is not followed


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x.png",
        "http://localhost/x.png",
        "http://2130706433/x.png",
        "http://0x7f000001/x.png",
        "http://0177.0.0.1/x.png",
        "http://127.1/x.png",
        "http://0/x.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.100.100.200/latest/",
        "http://10.0.0.1/x.png",
        "http://172.16.3.4/x.png",
        "http://192.168.1.1/x.png",
        "http://[::1]/x.png",
        "http://[::]/x.png",
        "http://[::ffff:127.0.0.1]/x.png",
        "http://[::ffff:a9fe:a9fe]/x.png",
        "http://[::127.0.0.1]/x.png",
        "http://[64:ff9b::7f00:1]/x.png",
        "http://[2002:7f00:1::]/x.png",
        "http://[fe80::1]/x.png",
        "http://[fd00:ec2::254]/x.png",
        "http://224.0.0.1/x.png",
        "http://255.255.255.255/x.png",
        "file:///etc/passwd",
        "ftp://example.com/x.png",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "http://user:secret@example.com/x.png",
        "http://example.com:22/x.png",
        "http://example.com:99999/x.png",
        "http:///x.png",
        "http://exa mple.com/x.png",
        "http://example.com/x.png\r\nX-Evil: 1",
        "http://１２７.0.0.1/x.png",
    ],
)
def test_addresses_inside_and_odd_ones_are_refused(url: str) -> None:
    with pytest.raises(NotFetched) as refusal:
        fetch_picture(url)
    assert type(refusal.value) is NotFetched


def test_one_inner_address_among_several_is_enough() -> None:
    def mixed(_host: str, _port: int) -> list[str]:
        return ["93.184.216.34", "127.0.0.1"]

    with pytest.raises(NotFetched):
        fetch_picture("http://pictures.example/x.png", resolver=mixed)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_the_open_internet_is_allowed(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_without_a_network_the_import_goes_on_and_says_so(supplier: Supplier, tmp_path: Path) -> None:
    rows = "".join(f"p{n},Pear,5,https://pictures.invalid/{n}.png\n" for n in range(5))
    file = tmp_path / "pears.csv"
    file.write_text(f"handle,title,price,image\n{rows}", encoding="utf-8")
    out = io.StringIO()
    call_command("import_catalogue", str(file), "--supplier", "orchard", "--fetch-images", stdout=out)
    assert "5 created" in out.getvalue()
    assert "0 pictures fetched, 5 still without a file" in out.getvalue()
    assert "Is there a network?" in out.getvalue()
    assert Product.objects.count() == 5


def test_noted_pictures_get_their_files_and_bad_ones_stay_noted(
    supplier: Supplier, server: str, media_folder: Path
) -> None:
    rows = "".join(f"p{path},Pear,5,{server}/{path}\n" for path in ("good", "page", "lie"))
    text = f"handle,title,price,image\n{rows}"
    import_catalogue(supplier=supplier, source=io.BytesIO(text.encode()), now=NOON)
    report = fetch_noted_pictures(supplier=supplier, fetch=fetch_here, now=NOON)
    run_due(rounds_max=1)
    assert (report.fetched, report.waiting, sum(report.reasons.values())) == (1, 2, 2)
    stored = ProductImage.objects.exclude(file="").get()
    with Image.open(stored.file) as kept:
        assert (kept.format, kept.size) == ("WEBP", (60, 40))
    assert issubclass(Unreachable, NotFetched)
