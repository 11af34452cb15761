"""What a start with RAXX_LIVE=on refuses: half a way out to a broker, and an unsafe one in production."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from raxx.env import SettingError

if TYPE_CHECKING:
    from collections.abc import Sequence

KNOWN_FEEDS = frozenset({"alpaca", "synthetic", "replay"})
HERE = frozenset({"localhost", "127.0.0.1", "::1"})
PAPER_URL = "https://paper-api.alpaca.markets"


def refuse_incomplete(
    *,
    authorize_url: str,
    token_url: str,
    revoke_url: str,
    api_url: str,
    client_id: str,
    client_secret: str,
    kms: str,
    kms_key: str,
    feeds: Sequence[str],
    gate_feeds: Sequence[str],
    is_production: bool,
) -> None:
    """Raise SettingError with every reason at once, so that one restart can mend them all."""
    urls = {
        "RAXX_BROKER_AUTHORIZE_URL": authorize_url,
        "RAXX_BROKER_TOKEN_URL": token_url,
        "RAXX_BROKER_API_URL": api_url,
    }
    needed = {**urls, "RAXX_BROKER_CLIENT_ID": client_id, "RAXX_BROKER_CLIENT_SECRET": client_secret}
    if kms == "aws":
        needed["RAXX_KMS_KEY"] = kms_key
    reasons = [f"{name} is not set" for name, value in needed.items() if not value]
    for name, url in {**urls, "RAXX_BROKER_REVOKE_URL": revoke_url}.items():
        parts = urlsplit(url)
        is_safe = parts.scheme == "https" or (
            parts.scheme == "http" and parts.hostname in HERE and not is_production
        )
        if url and not is_safe:
            reasons.append(f"{name} is not https: a token would travel in clear")
    if is_production and list(feeds) != ["alpaca"]:
        reasons.append("RAXX_LIVE_FEEDS: only alpaca tells what a live market pays")
    if unknown := set(gate_feeds) - KNOWN_FEEDS:
        reasons.append(f"RAXX_GATE_FEEDS: there is no feed {', '.join(sorted(unknown))}")
    if is_production and list(gate_feeds) != ["alpaca"]:
        reasons.append(
            "RAXX_GATE_FEEDS: only alpaca's months are earned in a market that nobody here controls"
        )
    if is_production and kms == "local":
        reasons.append("RAXX_KMS is local: the keys of live tokens would lie beside the tokens")
    if reasons:
        raise SettingError("RAXX_LIVE=on refuses to start: " + "; ".join(reasons))


def refuse_live_shadow(*, url: str, key_id: str, secret: str, api_url: str, is_production: bool) -> None:
    """Raise SettingError where paper orders would be mirrored to an account that is, or may be, a live one."""
    if not (key_id or secret):
        return
    parts = urlsplit(url)
    host = _host_of(url)
    reasons = []
    if not (key_id and secret):
        reasons.append("RAXX_SHADOW_KEY_ID and RAXX_SHADOW_SECRET go together")
    if (host == "alpaca.markets" or host.endswith(".alpaca.markets")) and host != urlsplit(
        PAPER_URL
    ).hostname:
        reasons.append(f"RAXX_SHADOW_URL: {host} is not Alpaca's paper address")
    if api_url and (_host_of(api_url), _port_of(api_url)) == (host, _port_of(url)):
        reasons.append("RAXX_SHADOW_URL is the live broker's address (RAXX_BROKER_API_URL)")
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host in HERE and not is_production)
    if not is_safe:
        reasons.append("RAXX_SHADOW_URL is not https: the key's secret would travel in clear")
    if reasons:
        raise SettingError("shadow mode refuses to start: " + "; ".join(reasons))


def _host_of(url: str) -> str:
    """Return the host that a URL leads to, however it is written: a dot at its end leads to the same."""
    return (urlsplit(url).hostname or "").rstrip(".")


def _port_of(url: str) -> int | None:
    parts = urlsplit(url)
    return parts.port or {"https": 443, "http": 80}.get(parts.scheme)
