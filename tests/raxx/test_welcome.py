"""What `up` says when it is ready: the README's example, and no secret."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from matching.market.calendar import XNYS
from matching.market.sessions import compute_sessions
from matching.models import CalendarDay, Market
from raxx import welcome
from raxx.folder import DataFolder
from raxx.management.commands import up
from tests.factories.rows import make_market

ROOT = Path(__file__).resolve().parents[2]
DEMO = {"email": "demo@raxx.example", "key_id": "PKDEMO", "secret": "not for the terminal", "symbol": "IBM"}
OPEN = datetime.fromisoformat("2013-10-08T13:31:00+00:00")


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "da ta")
    made.root.mkdir()
    made.demo_file.write_text(json.dumps(DEMO))
    return made


def readme_lines() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.partition("<!-- example")[2].partition("```python\n")[2].partition("\n```")[0].splitlines()


def test_it_shows_the_readmes_lines_for_this_data_folder_and_no_secret(folder: DataFolder) -> None:
    said = welcome.text("http://localhost:8000", folder)

    lines = [line.replace(".raxx/demo.json", str(folder.demo_file)) for line in readme_lines()]
    assert len([line for line in lines if line]) == 10
    assert said.splitlines() == [
        "",
        "Raxx is ready at http://localhost:8000",
        f"Demo account: demo@raxx.example, key PKDEMO (all of it in {folder.demo_file})",
        f"In a browser, as yourself: http://localhost:8000/sign-up (mails are printed to {folder.logs / 'web.log'})",
        "or as the demo person, by a link from: "
        + welcome.command("create_user --email demo@raxx.example", folder),
        "",
        *lines,
    ]
    assert str(folder.demo_file) in said.partition("Demo account")[2].partition("\n")[2]
    assert DEMO["secret"] not in said
    compile("\n".join(lines), "the example", "exec")


def test_a_command_beside_up_has_links_to_where_up_is_reached(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert folder.origins() == ""
    folder.keep_origins(up._environment(8123)["RAXX_ORIGINS"])

    shown = subprocess.run(
        [sys.executable, "-c", "from django.conf import settings; print(settings.ORIGINS)"],
        env={
            "RAXX_DATA_DIR": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "raxx.settings",
            "PATH": os.environ["PATH"],
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert shown.stdout == "['http://localhost:8123', 'http://127.0.0.1:8123']\n"


def test_with_a_mail_server_nobody_is_sent_to_a_log(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MAIL_SERVER", "mail.example")

    assert "web.log" not in welcome.text("http://localhost:8000", folder)


def test_in_the_usual_folder_it_is_the_readme_to_the_letter() -> None:
    example = welcome.example(ROOT / "README.md", DataFolder(settings.BASE_DIR / ".raxx"))

    assert example.splitlines() == readme_lines()


@pytest.mark.parametrize("content", [None, "# Raxx\n"])
def test_without_a_readme_or_its_example_it_says_where_to_look(
    folder: DataFolder, tmp_path: Path, content: str | None
) -> None:
    readme = tmp_path / "README.md"
    if content is not None:
        readme.write_text(content)

    assert welcome.example(readme, folder).endswith(f"are in {folder.demo_file}")


def test_without_a_demo_it_tells_two_commands_that_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.management import get_commands, load_command_class

    monkeypatch.setenv("RAXX_DATA_DIR", "set")
    said = welcome.text("http://localhost:8000", DataFolder(tmp_path))

    found = re.findall(r"manage\.py (\w+) (.+)", said)
    assert [name for name, _ in found] == ["create_account", "create_api_key"]
    for name, words in found:
        command = load_command_class(get_commands()[name], name)
        assert command.create_parser("manage.py", name).parse_args(words.split()).email == "you@example.com"
    assert said.count(f"RAXX_DATA_DIR={tmp_path} ") == 2


def test_a_tape_that_is_paused_before_the_open_is_to_be_advanced_first(folder: DataFolder) -> None:
    said = welcome.text("http://localhost:8000", folder, advance_to=OPEN)

    (line,) = [
        line for line in said.splitlines() if line.startswith("The tape is paused before the open. First: ")
    ]
    assert line.endswith("manage.py tape advance --to 2013-10-08T13:31:00Z")


def tape(at: str, **fields: Any) -> Market:
    CalendarDay.objects.bulk_create(
        [
            CalendarDay(calendar=XNYS, **day.as_row())
            for day in compute_sessions(date(2013, 10, 1), date(2013, 10, 31))
        ]
    )
    config = {"folder": "/nowhere", "dates": ["2013-10-08", "2013-10-10"], "symbols": ["IBM"]}
    return make_market(**{"config": config, "anchor_at": datetime.fromisoformat(at), **fields})


@pytest.mark.parametrize(
    ("at", "fields", "wanted"),
    [
        pytest.param("2013-10-08T08:00:00Z", {}, "2013-10-08T13:31:00+00:00", id="before the open"),
        pytest.param("2013-10-08T13:30:00Z", {}, None, id="at the open"),
        pytest.param("2013-10-08T18:00:00Z", {}, None, id="in the session"),
        pytest.param(
            "2013-10-08T20:00:00Z", {}, "2013-10-10T13:31:00+00:00", id="after it, on to the next day"
        ),
        pytest.param("2013-10-10T23:00:00Z", {}, None, id="after the last one"),
        pytest.param("2013-10-08T08:00:00Z", {"paused": False}, None, id="playing"),
        pytest.param("2013-10-08T08:00:00Z", {"feed": "synthetic"}, None, id="no tape"),
    ],
)
def test_where_a_paused_tape_should_stand(
    db: None, at: str, fields: dict[str, Any], wanted: str | None
) -> None:
    needed = welcome.advance_needed(tape(at, **fields))

    assert needed == (None if wanted is None else datetime.fromisoformat(wanted))
