"""`manage.py openapi`: the document of this release, in the repository, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raxx import docs
from tests.commands.calls import finish
from tests.commands.forks import killed_at
from tests.commands.snapshots import leavings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_it_is_written_whole_or_not_at_all_and_again_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, text = tmp_path / "openapi.json", docs.text()
    file.write_text("{}", encoding="utf-8")
    monkeypatch.setattr(docs, "COMMITTED", file)
    monkeypatch.setattr(docs, "text", lambda: text)

    assert finish("openapi", "--dry-run", "--json").code == 1
    assert file.read_text(encoding="utf-8") == "{}"
    assert killed_at(1, ["openapi"]).was_killed  # with the draft written
    assert file.read_text(encoding="utf-8") == "{}"
    assert killed_at(2, ["openapi"]).was_killed
    assert file.read_text(encoding="utf-8") == text

    for is_dry in (True, False):
        ended = finish("openapi", "--json", *(["--dry-run"] if is_dry else []))
        assert (ended.code, ended.document["is_new"]) == (0, False)
    assert file.read_text(encoding="utf-8") == text
    assert [path.name for path in tmp_path.iterdir()] == ["openapi.json"]
    assert leavings(tmp_path) == []
