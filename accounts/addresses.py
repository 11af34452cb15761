"""Where a request comes from, and whether a key may be used from there."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NETWORKS_MAX = 50  # of one key


def client_address(peer: str, forwarded_for: str, trusted: Sequence[str] = ()) -> str:
    """Return the client's address: the peer's or, behind a proxy that we trust, the one that it names last.

    A peer without an address is a proxy on a local socket. A forwarding header from anybody else is
    anybody's word. Empty when nobody says.
    """
    peer_address = _address(peer)
    if peer_address is not None and not _is_within(peer_address, tuple(trusted)):
        return str(peer_address)
    named = _address(forwarded_for.rpartition(",")[2].strip())
    return str(named or peer_address or "")


def networks_of(texts: Sequence[str]) -> list[str]:
    """Return addresses and networks in their shortest form. Raises ValueError, which names the wrong one."""
    if len(texts) > NETWORKS_MAX:
        message = f"a key has at most {NETWORKS_MAX} addresses"
        raise ValueError(message)
    found = []
    for text in texts:
        try:
            found.append(str(ip_network(text)))
        except ValueError:
            message = f"{text!r} is not an IP address or network"
            raise ValueError(message) from None
    return sorted(set(found))


def is_allowed(address: str, networks: Sequence[str]) -> bool:
    """Say whether a client at `address` may use a key that is limited to `networks`; none is no limit."""
    if not networks:
        return True
    where = _address(address)
    return where is not None and _is_within(where, tuple(networks))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(maxsize=4_096)
def _parsed(networks: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(network) for network in networks)


def _is_within(address: IPv4Address | IPv6Address, networks: tuple[str, ...]) -> bool:
    return any(address in network for network in _parsed(networks) if network.version == address.version)
