"""Where a request comes from, and from where a key may be used."""

from __future__ import annotations

import pytest

from accounts.addresses import NETWORKS_MAX, client_address, is_allowed, networks_of


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "trusted", "client"),
    [
        ("203.0.113.7", "", (), "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", (), "203.0.113.7"),  # anybody's word
        ("", "198.51.100.1", (), "198.51.100.1"),  # a proxy on a local socket
        ("unix:", "198.51.100.1", (), "198.51.100.1"),
        ("", "6.6.6.6, 198.51.100.1", (), "198.51.100.1"),  # the client wrote the first one itself
        ("10.0.0.5", "6.6.6.6, 198.51.100.1", ("10.0.0.0/8",), "198.51.100.1"),
        ("10.0.0.5", "", ("10.0.0.0/8",), "10.0.0.5"),
        ("10.0.0.5", "no address", ("10.0.0.0/8",), "10.0.0.5"),
        ("11.0.0.5", "198.51.100.1", ("10.0.0.0/8",), "11.0.0.5"),
        ("::ffff:203.0.113.7", "", (), "203.0.113.7"),
        ("2001:db8::1", "", ("10.0.0.0/8",), "2001:db8::1"),
        ("", "", (), ""),
        ("", "nonsense", (), ""),
    ],
)
def test_a_client_is_where_the_nearest_trusted_word_says(
    peer: str, forwarded_for: str, trusted: tuple[str, ...], client: str
) -> None:
    assert client_address(peer, forwarded_for, trusted) == client


@pytest.mark.parametrize(
    ("address", "networks", "allowed"),
    [
        ("203.0.113.7", [], True),
        ("", [], True),
        ("203.0.113.7", ["203.0.113.0/24"], True),
        ("203.0.113.7", ["203.0.113.7/32"], True),
        ("203.0.113.8", ["203.0.113.7/32"], False),
        ("::ffff:203.0.113.7", ["203.0.113.7/32"], True),
        ("2001:db8::5", ["203.0.113.0/24", "2001:db8::/32"], True),
        ("2001:db9::5", ["2001:db8::/32"], False),
        ("", ["0.0.0.0/0"], False),  # nobody knows where that is
    ],
)
def test_a_limited_key_opens_only_from_its_networks(address: str, networks: list[str], allowed: bool) -> None:
    assert is_allowed(address, networks) is allowed


def test_networks_are_kept_in_their_shortest_form_and_once() -> None:
    given = ["203.0.113.7", "203.0.113.7/32", "10.0.0.0/255.0.0.0", "2001:DB8:0::/32"]
    assert networks_of(given) == ["10.0.0.0/8", "2001:db8::/32", "203.0.113.7/32"]


@pytest.mark.parametrize("text", ["", "localhost", "10.0.0.1/8", "10.0.0.0/33", "1.2.3"])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not an IP address or network"):
        networks_of(["10.0.0.1", text])


def test_a_key_has_only_so_many_networks() -> None:
    with pytest.raises(ValueError, match="at most"):
        networks_of([f"10.0.0.{number}" for number in range(NETWORKS_MAX + 1)])
