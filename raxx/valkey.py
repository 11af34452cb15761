"""The addresses of Valkey, in the words of each client library."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

if TYPE_CHECKING:
    from raxx.folder import DataFolder

SCHEMES = {"valkey": "redis", "valkeys": "rediss"}


def client_url(url: str, folder: DataFolder) -> str:
    """Return the URL that redis-py and Django's cache understand; the embedded server's without one."""
    if not url:
        return f"unix://{quote(str(folder.valkey_socket))}?db=0"
    scheme, colon, rest = url.partition(":")
    return SCHEMES.get(scheme, scheme) + colon + rest


def broker_url(url: str) -> str:
    """Return Celery's form of a client URL: a socket has another scheme and parameter there."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    login = f"{parts.netloc}" if parts.netloc else ""
    return f"redis+socket://{login}{parts.path}?virtual_host={database}"
