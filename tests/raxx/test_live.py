"""RAXX_LIVE=on refuses to start with half a way out to a broker, or with an unsafe one in production."""

from __future__ import annotations

from typing import Any

import pytest

from raxx.env import SettingError
from raxx.live import refuse_incomplete

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
