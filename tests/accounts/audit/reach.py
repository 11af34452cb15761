"""Which functions of the services write to the database, and which of them tell the audit log: by reading them."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from tests.services import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = ("accounts/services", "trading/services", "trading/webhooks")
WRITING_CALLS = {
    "save", "update", "create", "delete", "bulk_create", "bulk_update", "get_or_create", "update_or_create",
    "create_user",
}  # fmt: skip
WRITING_SQL = re.compile(r"\b(?:insert into|delete from|update) [a-z_]+", re.IGNORECASE)
CALLED_SQL = re.compile(r"\b((?:trading|accounts|matching)_[a-z_]+)\(")
DECLARED = re.compile(r"create (?:or replace )?function (\w+)\(.*?\blanguage\b", re.IGNORECASE | re.DOTALL)
TELLING = {"accounts.services.audit.record", "accounts.services.audit.record_all"}


@dataclass
class Function:
    """What one function says by itself."""

    calls: set[str] = field(default_factory=set)  # dotted names, as far as the imports tell
    writes: bool = False


def writers() -> dict[str, bool]:
    """Return the public functions that write, by dotted name, and whether each tells the audit log."""
    functions = _functions()
    return {
        name: bool(_reached(name) & TELLING)
        for name in sorted(functions)
        if not name.rsplit(".", 1)[-1].startswith("_")
        and any(functions[each].writes for each in _reached(name) if each in functions)
    }


@cache
def _functions() -> dict[str, Function]:
    found: dict[str, Function] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).glob("*.py")):
            module = f"{package}/{path.stem}".replace("/", ".")
            tree = ast.parse(path.read_text())
            names = _names(tree, module)
            texts = _constants(tree)
            for node in tree.body:
                if isinstance(node, ast.FunctionDef):
                    found[f"{module}.{node.name}"] = _read(node, names, texts)
    return found


def _names(tree: ast.Module, module: str) -> dict[str, str]:
    names = {node.name: f"{module}.{node.name}" for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return names


def _constants(tree: ast.Module) -> dict[str, str]:
    """Return the module's own texts, by the name that they are used by."""
    return {
        target.id: ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _read(function: ast.FunctionDef, names: dict[str, str], texts: dict[str, str]) -> Function:
    read = Function()
    documentation = ast.get_docstring(function, clean=False)
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            read.calls.add(names.get(node.id, node.id))
            read.writes |= _writes(texts.get(node.id, ""))
        elif isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id in names:
                read.calls.add(f"{names[node.value.id]}.{node.attr}")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != documentation:
            read.writes |= _writes(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            read.writes |= node.func.attr in WRITING_CALLS and not _is_of_a_set(node.func)
    return read


def _writes(text: str) -> bool:
    return bool(WRITING_SQL.search(text)) or bool(set(CALLED_SQL.findall(text)) - _only_read())


@cache
def _only_read() -> frozenset[str]:
    """Return the functions of the database that say of themselves that they change nothing."""
    declared = {
        match[1]: "stable" in match[0] or "immutable" in match[0]
        for folder in ("accounts", "matching", "trading")
        for path in sorted([*(ROOT / folder).glob("sql/*.sql"), *(ROOT / folder).glob("migrations/*.py")])
        for match in DECLARED.finditer(path.read_text())
    }
    return frozenset(name for name, only_reads in declared.items() if only_reads)


def _is_of_a_set(call: ast.Attribute) -> bool:
    """Whether `x.update(...)` is plainly that of a dictionary or a hash."""
    return isinstance(call.value, ast.Name) and call.value.id in {"body", "digest", "known", "told"}


@cache
def _reached(name: str) -> frozenset[str]:
    return frozenset(_walk(name))


def _walk(name: str) -> Iterator[str]:
    functions, seen, waiting = _functions(), {name}, [name]
    while waiting:
        each = waiting.pop()
        yield each
        further = functions[each].calls - seen if each in functions else set()
        seen |= further
        waiting += further
