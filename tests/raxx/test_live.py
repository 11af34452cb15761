"""RAXX_LIVE=on refuses to start with half a way out to a broker, or with an unsafe one in production."""

from __future__ import annotations

from typing import Any

import pytest

from raxx.env import SettingError
from raxx.live import PAPER_URL, refuse_incomplete, refuse_live_shadow

WHOLE: dict[str, Any] = {
    "authorize_url": "https://broker.example/authorize",
    "token_url": "https://broker.example/token",
    "revoke_url": "",
    "api_url": "https://api.broker.example",
    "client_id": "ours",
    "client_secret": "known to the broker and us",
    "kms": "aws",
    "kms_key": "alias/raxx",
    "feeds": ["alpaca"],
    "gate_feeds": ["alpaca"],
    "is_production": True,
}


def test_a_whole_way_is_taken_and_a_demonstration_is_freer() -> None:
    refuse_incomplete(**WHOLE)
    refuse_incomplete(
        **{
            **WHOLE,
            "is_production": False,
            "kms": "local",
            "kms_key": "",
            "gate_feeds": ["alpaca", "synthetic"],
        }
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"client_secret": ""}, "RAXX_BROKER_CLIENT_SECRET is not set"),
        ({"kms_key": ""}, "RAXX_KMS_KEY is not set"),
        ({"token_url": "http://broker.example/token"}, "RAXX_BROKER_TOKEN_URL is not https"),
        ({"kms": "local"}, "RAXX_KMS is local"),
        ({"feeds": ["synthetic"]}, "RAXX_LIVE_FEEDS: only alpaca"),
        ({"gate_feeds": ["alpaca", "synthetic"]}, "RAXX_GATE_FEEDS: only alpaca"),
        ({"gate_feeds": ["alpacca"], "is_production": False}, "RAXX_GATE_FEEDS: there is no feed alpacca"),
    ],
    ids=["secret", "key", "clear", "local keys", "synthetic prices", "synthetic months", "misspelt"],
)
def test_what_is_missing_or_unsafe_is_named(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(SettingError, match=reason):
        refuse_incomplete(**{**WHOLE, **changes})


SHADOW: dict[str, Any] = {
    "url": PAPER_URL,
    "key_id": "PK1",
    "secret": "the operator's",
    "api_url": "https://api.alpaca.markets",
    "is_production": True,
}


def test_a_shadow_is_alpacas_paper_address_or_another_installation_or_none() -> None:
    refuse_live_shadow(**SHADOW)
    refuse_live_shadow(**{**SHADOW, "url": "https://raxx.example"})
    refuse_live_shadow(**{**SHADOW, "url": "http://127.0.0.1:8001", "is_production": False})
    refuse_live_shadow(**{**SHADOW, "url": "", "key_id": "", "secret": ""})


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"url": "https://api.alpaca.markets"}, "api.alpaca.markets is not Alpaca's paper address"),
        ({"url": "https://API.alpaca.markets/"}, "api.alpaca.markets is not Alpaca's paper address"),
        ({"url": "https://broker-api.alpaca.markets"}, "is not Alpaca's paper address"),
        ({"url": "https://api.alpaca.markets."}, "api.alpaca.markets is not Alpaca's paper address"),
        (
            {"url": "https://live.example", "api_url": "https://live.example"},
            "is the live broker's address",
        ),
        (
            {"url": "https://live.example:443/", "api_url": "https://live.example"},
            "is the live broker's address",
        ),
        ({"url": "http://raxx.example"}, "is not https"),
        ({"url": "http://127.0.0.1:8001"}, "is not https"),
        ({"secret": ""}, "go together"),
    ],
    ids=[
        "live",
        "live in capitals",
        "another one",
        "live with a dot",
        "ours",
        "ours with its port",
        "in clear",
        "here in production",
        "half a key",
    ],
)
def test_a_shadow_that_is_or_may_be_live_is_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        refuse_live_shadow(**{**SHADOW, **changed})
