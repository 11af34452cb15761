"""Which addresses a webhook may go to: public ones, and never by way of a name that changes its mind.

A name is resolved once, every address that it gives must be public, and the connection is made to
the address that was judged.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from trading.errors import ValueInvalid
from trading.models.webhook import URL_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable

PORTS = {"https": 443, "http": 80}


class Unreachable(Exception):
    """The address cannot or may not be connected to; the text may be told to its owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL taken apart. `path` includes the query; `host` is as TLS and the Host header name it."""

    is_encrypted: bool
    host: str
    port: int
    path: str


def target_of(url: str, *, allows_plain: bool) -> Target:
    """Return what a URL names. Raises ValueInvalid; `allows_plain` takes http as well."""
    if len(url) > URL_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueInvalid(f"url must be at most {URL_MAX} printable ASCII characters without spaces")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueInvalid("url is not a URL") from None
    schemes = ("https", "http") if allows_plain else ("https",)
    if parts.scheme not in schemes:
        raise ValueInvalid(f"url must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if not parts.hostname or parts.username is not None or parts.password is not None or "\\" in url:
        raise ValueInvalid("url must name a host, and nobody's name or password")
    if port == 0:
        raise ValueInvalid("url names port 0")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(
        is_encrypted=parts.scheme == "https",
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        path=path,
    )


def public_address(target: Target) -> str:
    """Resolve a host once and return an address to connect to. Raises Unreachable."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable(f"{target.host} cannot be resolved") from None
    addresses = [str(entry[4][0]) for entry in found]
    require_public(addresses, target.host)
    return addresses[0]


def require_public(addresses: Iterable[str], host: str) -> None:
    """Raise Unreachable unless every address is one of the public internet's."""
    for text in addresses:
        address = ip_address(text.partition("%")[0])
        if "%" in text or not _is_public(address):
            raise Unreachable(f"{host} is not a public address")


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    inner = _embedded(address) if isinstance(address, IPv6Address) else ()
    return all(_is_public(one) for one in inner)


def _embedded(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses to which a gateway would carry what is sent to this one."""
    if address.teredo is not None:
        return address.teredo
    return tuple(filter(None, (address.ipv4_mapped, address.sixtofour)))
