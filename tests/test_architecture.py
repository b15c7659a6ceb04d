"""The shape of the code: floors, ceilings, names. docs/architecture.md says why."""

import ast
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
FLOORS = ("shop", "distributors", "orders")
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
# The independent model of the trade: whoever doubts the shop must be able to read it in one go.
MODEL = PROJECT / "tests/properties/model.py"
MODEL_LINES_MAX = 149
FORBIDDEN_NAMES = {
    "utils",
    "util",
    "common",
    "core",
    "helpers",
    "helper",
    "lib",
    "misc",
    "tools",
    "base_utils",
    "actions2",
}
TOP_LEVEL = {
    "manage.py", "pyproject.toml", "requirements.txt", "requirements-dev.txt", "Makefile", "README.md", "LICENSE",
    "shop", "distributors", "orders", "settings", "frontend", "miniprogram", "tests", "docs", "locale", "deploy",
    ".ci", ".gitignore",
}  # fmt: skip

# Where the clock may be read: the edges. A gateway signs what it sends with the time of sending.
CLOCK_EDGES = {
    "web", "api", "admin.py", "panel.py", "panel", "middleware.py", "tasks.py", "management", "demo", "gateways",
}  # fmt: skip


def tracked() -> list[Path]:
    """Files that belong to the project: tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode != 0:
        pytest.skip("not a git working copy")
    return [PROJECT / line for line in listed.stdout.splitlines() if (PROJECT / line).is_file()]


def sources(*folders: str) -> Iterator[Path]:
    """Python files of the given top folders, without Django's migrations."""
    for folder in folders:
        for path in sorted((PROJECT / folder).rglob("*.py")):
            if "migrations" not in path.parts and "node_modules" not in path.parts:
                yield path


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_only_what_the_architecture_names_stands_at_the_top() -> None:
    found = {path.relative_to(PROJECT).parts[0] for path in tracked()}
    assert found - TOP_LEVEL == set()


def test_no_file_is_longer_than_the_ceiling() -> None:
    long = {}
    for path in sources(*FLOORS, "settings", "tests"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > FILE_LINES_MAX:
            long[name_of(path)] = lines
    assert long == {}


def test_no_function_is_longer_than_the_ceiling() -> None:
    long = {}
    for path in sources(*FLOORS, "settings", "tests"):
        for function in functions(parsed(path)):
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                long[f"{name_of(path)}:{function.name}"] = lines
    assert long == {}


def test_the_model_of_the_trade_is_small_and_knows_nothing_of_the_shop() -> None:
    found = parsed(MODEL)
    documented = [found, *(node for node in ast.walk(found) if isinstance(node, ast.ClassDef | ast.FunctionDef))]
    told = {line for node in documented if ast.get_docstring(node) for line in lines_of(node.body[0])}
    blank = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    with tokenize.open(MODEL) as file:
        tokens = [one for one in tokenize.generate_tokens(file.readline) if one.type not in blank]
    code = {line for one in tokens for line in range(one.start[0], one.end[0] + 1)} - told
    assert len(code) <= MODEL_LINES_MAX
    imported = {
        name.split(".")[0]
        for node in ast.walk(found)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or "."] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
    }
    assert imported == {"collections", "types", "typing"}


def lines_of(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def test_no_drawer_for_everything() -> None:
    names = {
        part for path in tracked() if path.suffix == ".py" for part in path.relative_to(PROJECT).with_suffix("").parts
    }
    assert names & FORBIDDEN_NAMES == set()


def test_imports_stand_at_the_top_of_the_file() -> None:
    late = [
        f"{name_of(path)}:{node.lineno}"
        for path in sources(*FLOORS)
        for function in functions(parsed(path))
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert late == []


def test_no_signals() -> None:
    used = [
        name_of(path)
        for path in sources(*FLOORS)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith((".signals", "django.dispatch"))
    ]
    assert used == []


def test_only_edges_read_the_clock() -> None:
    clocks = {"timezone.now", "datetime.now", "datetime.utcnow", "date.today", "datetime.today", "timezone.localdate"}
    read = [
        f"{name_of(path)}:{node.lineno}"
        for path in sources(*FLOORS)
        if not CLOCK_EDGES & set(path.relative_to(PROJECT).parts)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and not node.args and ast.unparse(node.func) in clocks
    ]
    assert read == []


def test_rules_are_pure() -> None:
    """rules.py and states.py know no database, clock or settings."""
    impure = []
    for path in sources(*FLOORS):
        if path.name not in {"rules.py", "states.py", "attribution.py"}:
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ImportFrom):
                module = node.module or ""
                is_orm = module in {"django.db", "django.conf", "django.utils.timezone"} and any(
                    alias.name != "models" or path.name != "states.py" for alias in node.names
                )
                # The shape of a posting may be known; the verb that posts may not.
                verbs = module.endswith(".actions") and any(alias.name[0].islower() for alias in node.names)
                if is_orm or verbs or module.endswith((".models", ".queries")):
                    impure.append(f"{name_of(path)}: {module}")
    assert impure == []


def test_states_change_only_by_move() -> None:
    """Nobody assigns `.state` outside the machine; models of the sandbox WeChat are not ours."""
    assigned = []
    for path in sources(*FLOORS):
        if "sandbox" in path.parts or path.parent.name == "states":
            continue
        for node in ast.walk(parsed(path)):
            targets = node.targets if isinstance(node, ast.Assign) else []
            if any(isinstance(target, ast.Attribute) and target.attr == "state" for target in targets):
                assigned.append(f"{name_of(path)}:{node.lineno}")
    assert assigned == []


def test_gateways_are_not_called_inside_a_transaction() -> None:
    """A `with transaction.atomic()` block or an @atomic function never names a gateway's verb."""
    verbs = {"collect", "transfer", "refund", "query_payment", "query_refund", "query_transfer", "close_payment"}
    called = []
    for path in sources(*FLOORS):
        if "gateways" in path.parts:
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.With):
                opened: list[ast.expr] = [item.context_expr for item in node.items]
            elif isinstance(node, ast.FunctionDef):
                opened = node.decorator_list
            else:
                continue
            if not any("atomic" in ast.unparse(each) for each in opened):
                continue
            calls = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
            called += [
                f"{name_of(path)}:{call.lineno}"
                for call in calls
                if isinstance(call.func, ast.Attribute)
                and call.func.attr in verbs
                and "gateway" in ast.unparse(call.func.value)
            ]
    assert called == []


def test_the_import_floors_hold() -> None:
    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def test_short_comments_of_templates_end_on_their_line() -> None:
    """Django takes a ``{# … #}`` that goes over a line's end for text and shows it to everybody."""
    open_ones = [
        f"{name_of(path)}:{number}"
        for path in sorted((PROJECT / "frontend" / "templates").rglob("*"))
        if path.is_file()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if line.count("{#") != line.count("#}")
    ]
    assert open_ones == []


def test_nothing_is_left_to_do() -> None:
    """No notes to oneself in place of work."""
    words = ("TODO", "FIXME", "XXX", "HACK")
    left = []
    for path in sources(*FLOORS, "settings"):
        with path.open("rb") as file:
            left += [
                f"{name_of(path)}:{token.start[0]}"
                for token in tokenize.tokenize(file.readline)
                if token.type == tokenize.COMMENT and any(word in token.string for word in words)
            ]
    assert left == []
