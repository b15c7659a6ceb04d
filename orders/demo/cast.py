"""The made-up people. Every phone is from a range of our own, every password the same."""

from dataclasses import dataclass

PASSWORD = "linjia-demo-2026"  # noqa: S105 - printed on the screen, for the demo only


@dataclass(frozen=True)
class Role:
    """A person of the demo."""

    phone: str
    name: str


@dataclass(frozen=True)
class StoreRole:
    """A distributor of the demo: who she is, her store, and who invited her (a phone, or none)."""

    owner: Role
    store_name: str
    announcement: str
    introduction: str
    invited_by: str = ""


ADMIN = Role("13900000000", "管理员 小安")
FINANCE = Role("13900000009", "财务 小金")

SUPPLIER_OWNERS = {
    "yunling-tea": Role("13900000011", "杨云"),
    "yangshan-orchard": Role("13900000012", "周桃"),
    "haian-fresh": Role("13900000013", "林海"),
    "shanye-cloth": Role("13900000014", "何山"),
    "chenjian-home": Role("13900000015", "陈晨"),
}

STORES = (
    StoreRole(
        Role("13900000021", "林素"),
        "林素的日子",
        "周三周六开团，邻居们的菜篮子和茶桌我都管。",
        "社区团长六年，三个群，一千多位邻居。",
    ),
    StoreRole(
        Role("13900000022", "阿禾"),
        "阿禾的小店",
        "只卖自家也在吃、在用的。",
        "在大理开客栈，爱做饭，爱把好东西分给朋友。",
        invited_by="13900000021",
    ),
    StoreRole(
        Role("13900000023", "老周"),
        "老周杂货铺",
        "村口老店，快递也能到店取。",
        "镇上小卖部开了二十年。",
        invited_by="13900000021",
    ),
    StoreRole(
        Role("13900000024", "小满"),
        "小满直播间",
        "每晚八点，边聊边挑。",
        "宝妈，也是主播。",
        invited_by="13900000022",
    ),
)

APPLICANT = Role("13900000025", "新人 阿青")

_SURNAMES = "苏周顾沈陆程许何宋唐韩冯董萧曹袁邓傅曾彭吕蒋蔡贾丁魏薛叶阎余"
_GIVEN = [
    "小小",
    "明远",
    "思齐",
    "若溪",
    "子衿",
    "佳宁",
    "一诺",
    "雨桐",
    "书白",
    "静姝",
    "知夏",
    "念之",
    "安然",
    "亦凡",
    "舒窈",
    "清扬",
    "如意",
    "景行",
    "嘉树",
    "望舒",
    "采薇",
    "既白",
    "南乔",
    "北辰",
    "星野",
    "时雨",
    "听澜",
    "映雪",
    "怀瑾",
    "乐天",
]

CUSTOMERS = tuple(
    Role(f"139{1_000_001 + number:08d}", surname + given)
    for number, (surname, given) in enumerate(zip(_SURNAMES, _GIVEN, strict=True))
)

STREETS = (
    ("330106", "灵隐路 18 号 2 幢 301"),
    ("330105", "运河东路 66 号"),
    ("310104", "武康路 99 弄 5 号"),
    ("310115", "锦绣路 1000 号 8 栋"),
    ("320505", "平江路 27 号"),
    ("440305", "海德三道 12 号"),
    ("110105", "三里屯北街 7 号楼"),
    ("510104", "春熙路 30 号"),
    ("532901", "人民路 211 号"),
    ("420106", "昙华林 55 号"),
)

REASONS = (
    "自家餐桌上一直有它",
    "回购三次了，放心",
    "去过产地，亲眼看着装箱",
    "孩子点名要的",
    "送长辈很体面",
    "这个价我问过一圈，值",
)
