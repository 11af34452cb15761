"""Environment variables: typed, and a bad one names itself."""

from __future__ import annotations

import ast
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from raxx import env

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"RAXX_[A-Z_]+|OTEL_[A-Z_]+|DATABASE_URL|VALKEY_URL")
LISTED = re.compile(rf"(?:# )?({NAME.pattern})=")
OURS = ("accounts", "bench", "broker_handoff", "matching", "raxx", "trading", "manage.py")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("word", str, "word"),
        (" padded ", str, "padded"),
        ("Yes", bool, True),
        ("off", bool, False),
        ("-7", int, -7),
        ("1.50", Decimal, Decimal("1.50")),
        ("redis://h:1/0", env.Url, "redis://h:1/0"),
        ("unix:///run/valkey.sock?db=1", env.Url, "unix:///run/valkey.sock?db=1"),
        ("a, b,,c ", list, ["a", "b", "c"]),
        (
            "https://a.example, http://localhost:8000,http://[::1]:80",
            env.Origins,
            ["https://a.example", "http://localhost:8000", "http://[::1]:80"],
        ),
    ],
)
def test_a_value_is_read_as_its_type(
    monkeypatch: pytest.MonkeyPatch, text: str, kind: type[Any], value: object
) -> None:
    monkeypatch.setenv("RAXX_THING", text)

    assert env.required("RAXX_THING", kind) == value
    assert env.optional("RAXX_THING", kind, None) == value


@pytest.mark.parametrize(
    ("text", "kind", "complaint"),
    [
        ("perhaps", bool, "RAXX_THING: 'perhaps' is neither true nor false"),
        ("1.5", int, "RAXX_THING: '1.5' is not a whole number"),
        ("nan", Decimal, "RAXX_THING: 'nan' is not a decimal number"),
        (
            "localhost",
            env.Url,
            "RAXX_THING: the value is not a URL; it needs a scheme, e.g. redis://host:6379/0",
        ),
        (
            "redis://h:port",
            env.Url,
            "RAXX_THING: the value is not a URL (Port could not be cast to integer value",
        ),
    ],
)
def test_a_bad_value_names_its_variable_and_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, text: str, kind: type[Any], complaint: str
) -> None:
    monkeypatch.setenv("RAXX_THING", text)

    with pytest.raises(env.SettingError) as caught:
        env.optional("RAXX_THING", kind, None)
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize(
    "origin",
    [
        "localhost",
        "localhost:8000",
        "ftp://a.example",
        "https://",
        "https://a.example/",
        "https://a.example/v2",
        "https://user@a.example",
        "http://a.example:port",
        "http://[::1",
    ],
)
def test_what_is_no_origin_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("RAXX_THING", f"https://good.example,{origin}")

    with pytest.raises(env.SettingError) as caught:
        env.required("RAXX_THING", env.Origins)
    assert str(caught.value).startswith(
        f"RAXX_THING: {origin!r} is not an origin; write scheme://host[:port]"
    )


def test_a_bad_url_does_not_tell_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAXX_THING", "//user:hunter2@host")

    with pytest.raises(env.SettingError) as caught:
        env.required("RAXX_THING", env.Url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", [None, "", "  "])
def test_an_absent_or_empty_variable_has_its_default_or_is_missed(
    monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    monkeypatch.delenv("RAXX_THING", raising=False)
    if text is not None:
        monkeypatch.setenv("RAXX_THING", text)

    assert env.optional("RAXX_THING", int, 3) == 3
    with pytest.raises(env.SettingError, match="RAXX_THING is required and is not set"):
        env.required("RAXX_THING", int)


@pytest.mark.parametrize(("text", "value"), [("", 10), ("2", 2), ("30", 30)])
def test_a_number_has_a_least_value(monkeypatch: pytest.MonkeyPatch, text: str, value: int) -> None:
    monkeypatch.setenv("RAXX_THING", text)

    assert env.at_least("RAXX_THING", 2, 10) == value


def test_a_number_below_its_least_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAXX_THING", "1")

    with pytest.raises(env.SettingError, match="RAXX_THING: 1 is less than 2"):
        env.at_least("RAXX_THING", 2, 10)


def test_a_choice_outside_the_list_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAXX_THING", "staging")

    with pytest.raises(env.SettingError, match="RAXX_THING: 'staging' is not one of development, production"):
        env.choice("RAXX_THING", ("development", "production"), "development")


def test_a_file_adds_variables_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("RAXX_ONE", "RAXX_TWO", "RAXX_THREE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("RAXX_TWO", "kept")
    file = tmp_path / ".env"
    file.write_text("# note\n\nRAXX_ONE = 1\nRAXX_TWO=2\nRAXX_THREE='a # b'\n", encoding="utf-8")

    env.load_file(file)
    env.load_file(tmp_path / "missing")

    assert [os.environ[name] for name in ("RAXX_ONE", "RAXX_TWO", "RAXX_THREE")] == ["1", "kept", "a # b"]


def test_a_file_with_a_line_that_is_no_setting_is_refused(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("RAXX_ONE=1\nexport that\n", encoding="utf-8")

    with pytest.raises(env.SettingError, match="line 2: not NAME=value"):
        env.load_file(file)


def names_in_code() -> set[str]:
    """Find every variable that the project may read: each text in the code that looks like one's name."""
    names = set()
    for place in OURS:
        for file in [ROOT / place] if place.endswith(".py") else (ROOT / place).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Constant)
                    and isinstance(node.value, str)
                    and NAME.fullmatch(node.value)
                ):
                    names.add(node.value)
    return names


def test_the_example_file_lists_every_variable_that_the_code_reads_and_no_other() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    # One that must not be set to nothing stands there as a comment.
    listed = {found[1] for line in lines if (found := LISTED.match(line))}
    elsewhere = {"RAXX_SUPERVISED_FOLDER"}  # how the supervisor marks its own children

    assert names_in_code() - elsewhere == listed


def test_a_secret_may_come_as_a_file_of_the_service_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.delenv("RAXX_ONE", raising=False)
    (tmp_path / "RAXX_ONE").write_text("from a file\n", encoding="utf-8")

    assert env.required("RAXX_ONE", str) == "from a file"
    assert env.optional("RAXX_TWO", str, "absent") == "absent"
    monkeypatch.setenv("RAXX_ONE", "said aloud")
    assert env.required("RAXX_ONE", str) == "said aloud"
