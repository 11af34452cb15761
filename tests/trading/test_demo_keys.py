"""The demo's keys: one an account, in files of their own, and none alive that nobody knows."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from accounts.models import ApiKey
from tests.factories.rows import NOON, make_api_key, make_market
from trading.models import TradingAccount
from trading.services import demo
from trading.services.demo import KEYS_FILE, ensure_demo

if TYPE_CHECKING:
    from pathlib import Path

    from matching.models import Market

pytestmark = pytest.mark.django_db

CONFIG = {"symbols": ["IBM"]}


@pytest.fixture(autouse=True)
def rings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    rung: list[str] = []
    monkeypatch.setattr(demo, "ring_credentials", lambda: rung.append("credentials"))
    return rung


def ensure(market: Market, folder: Path) -> dict[str, Any]:
    return ensure_demo(market=market, file=folder / "demo.json", base_url="http://localhost:8000", now=NOON)


def alive() -> set[str]:
    return set(ApiKey.objects.filter(revoked_at=None).values_list("pk", flat=True))


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_going_to_another_market_and_back_finds_the_same_keys(tmp_path: Path, rings: list[str]) -> None:
    one, other = make_market(config=CONFIG), make_market(config=CONFIG)

    first, second = ensure(one, tmp_path), ensure(other, tmp_path)
    again, there = ensure(one, tmp_path), ensure(other, tmp_path)

    assert (again, there) == (first, second)
    assert first["account_id"] != second["account_id"]
    assert json.loads((tmp_path / "demo.json").read_text()) == second
    assert alive() == {first["key_id"], second["key_id"]}
    assert rings == ["credentials"] * 2  # for the two that were made


def test_both_files_are_their_owners_alone_even_after_a_draft_that_was_not(tmp_path: Path) -> None:
    draft = tmp_path / "demo-keys.new"
    draft.touch()
    draft.chmod(0o644)
    before = os.umask(0)
    try:
        ensure(make_market(config=CONFIG), tmp_path)
    finally:
        os.umask(before)

    assert {file.name: mode(file) for file in tmp_path.iterdir()} == {"demo.json": 0o600, KEYS_FILE: 0o600}


def test_a_key_that_only_the_demo_file_knows_is_kept(tmp_path: Path) -> None:
    market = make_market(config=CONFIG)
    first = ensure(market, tmp_path)
    (tmp_path / KEYS_FILE).unlink()

    ensure(make_market(config=CONFIG), tmp_path)

    assert ensure(market, tmp_path) == first


@pytest.mark.parametrize("content", ["", "[]", '{"account_id": 3}', "\x00"])
def test_a_key_whose_secret_is_lost_is_revoked_when_a_new_one_is_made(tmp_path: Path, content: str) -> None:
    market, other = make_market(config=CONFIG), make_market(config=CONFIG)
    lost, left_behind = ensure(market, tmp_path), ensure(other, tmp_path)
    own = make_api_key(TradingAccount.objects.get(pk=lost["account_id"]), name="mine")
    for file in tmp_path.iterdir():
        file.write_text(content)

    made = ensure(market, tmp_path)

    assert made["key_id"] not in {lost["key_id"], left_behind["key_id"]}
    assert alive() == {made["key_id"], own.pk}


def test_a_key_that_was_revoked_is_not_handed_out_again(tmp_path: Path) -> None:
    market = make_market(config=CONFIG)
    first = ensure(market, tmp_path)
    ApiKey.objects.filter(pk=first["key_id"]).update(revoked_at=NOON)

    second = ensure(market, tmp_path)

    assert second["account_id"] == first["account_id"]
    assert alive() == {second["key_id"]}
    assert ApiKey.objects.get(pk=first["key_id"]).revoked_at == NOON
