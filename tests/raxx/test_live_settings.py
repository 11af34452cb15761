"""Half a way out to a broker, or an unsafe one, stops the start and says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from raxx import live
from raxx.env import SettingError

ROOT = Path(__file__).resolve().parents[2]

GOOD: dict[str, Any] = {
    "authorize_url": "https://broker.example/oauth/authorize",
    "token_url": "https://broker.example/oauth/token",
    "revoke_url": "",
    "api_url": "https://api.broker.example",
    "client_id": "raxx",
    "client_secret": "a secret",
    "kms": "aws",
    "kms_key": "alias/raxx",
    "feeds": ["alpaca"],
    "gate_feeds": ["alpaca"],
    "is_production": True,
}


def reason_of(**change: Any) -> str:
    with pytest.raises(SettingError) as refused:
        live.refuse_incomplete(**{**GOOD, **change})
    return str(refused.value)


def test_a_whole_and_safe_way_out_is_not_refused() -> None:
    live.refuse_incomplete(**GOOD)
    live.refuse_incomplete(
        **{**GOOD, "kms": "local", "api_url": "http://127.0.0.1:9", "is_production": False}
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"authorize_url": ""}, "RAXX_BROKER_AUTHORIZE_URL is not set"),
        ({"token_url": ""}, "RAXX_BROKER_TOKEN_URL is not set"),
        ({"api_url": ""}, "RAXX_BROKER_API_URL is not set"),
        ({"client_id": ""}, "RAXX_BROKER_CLIENT_ID is not set"),
        ({"client_secret": ""}, "RAXX_BROKER_CLIENT_SECRET is not set"),
        ({"kms_key": ""}, "RAXX_KMS_KEY is not set"),
        ({"kms": "local"}, "RAXX_KMS is local"),
        ({"token_url": "http://broker.example/t"}, "RAXX_BROKER_TOKEN_URL is not https"),
        (
            {"token_url": "http://broker.example/t", "is_production": False},
            "RAXX_BROKER_TOKEN_URL is not https",
        ),
        ({"api_url": "http://localhost:8000"}, "RAXX_BROKER_API_URL is not https"),
        ({"revoke_url": "http://broker.example/r"}, "RAXX_BROKER_REVOKE_URL is not https"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_what_is_missing_or_unsafe_is_named(change: dict[str, Any], reason: str) -> None:
    assert reason in reason_of(**change)


def test_all_reasons_are_told_at_once() -> None:
    said = reason_of(client_id="", client_secret="", kms="local")

    assert said.count(";") == 2


def test_a_process_does_not_start_with_live_trading_and_nothing_else(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}

    ended = subprocess.run(
        [sys.executable, "-c", "import raxx.settings"],
        cwd=ROOT,
        env={**kept, "RAXX_DATA_DIR": str(tmp_path), "RAXX_LIVE": "on"},
        capture_output=True,
        text=True,
        check=False,
    )

    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("raxx.env.SettingError: RAXX_LIVE=on refuses to start: RAXX_BROKER_AUTHORIZE_URL")
