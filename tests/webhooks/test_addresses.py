"""A webhook goes to the public internet or nowhere."""

from __future__ import annotations

import socket

import pytest

from trading.errors import ValueInvalid
from trading.webhooks.addresses import Unreachable, public_address, require_public, target_of

PUBLIC = (
    "93.184.216.34",
    "2606:2800:220:1:248:1893:25c8:1946",
    "2002:5db8:d822::1",
)
NOT_PUBLIC = (
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",  # where clouds tell a machine its own secrets
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - an address, not a binding
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "2002:a00:1::",
    "64:ff9b::5db8:d822",  # NAT64, which may lead anywhere
    "64:ff9b:1::a00:1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo of 127.0.0.1
)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    require_public([address], "example.com")


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_any_other_address_is_refused(address: str) -> None:
    with pytest.raises(Unreachable, match=r"^example.com is not a public address$"):
        require_public([address], "example.com")


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(Unreachable):
        require_public([*PUBLIC, "10.0.0.1"], "example.com")


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost", "[::1]"])
def test_other_ways_to_write_this_machine_are_seen_through(host: str) -> None:
    with pytest.raises(Unreachable):
        public_address(target_of(f"https://{host}/hook", allows_plain=False))


def test_a_name_is_resolved_once_and_the_judged_address_is_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter([[(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))]])
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: next(answers))

    address = public_address(target_of("https://rebinding.example/hook", allows_plain=False))

    assert address == "93.184.216.34"


def test_a_name_that_nobody_knows_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable, match=r"nobody.example cannot be resolved"):
        public_address(target_of("https://nobody.example", allows_plain=False))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com/hook", "must begin with https://"),
        ("ftp://example.com/hook", "must begin with https://"),
        ("javascript:alert(1)", "must begin with https://"),
        ("https:///hook", "must name a host"),
        ("https://user@example.com/", "nobody's name or password"),
        ("https://user:secret@example.com/", "nobody's name or password"),
        ("https://example.com\\@10.0.0.1/", "nobody's name or password"),
        ("https://example.com:0/", "port 0"),
        ("https://example.com:99999/", "not a URL"),
        ("https://[::1/", "not a URL"),
        ("https://example.com/a b", "without spaces"),
        ("https://exämple.com/", "ASCII"),
        ("https://example.com/\r\nHost: x", "printable"),
        ("https://example.com/" + "a" * 500, "at most 500"),
    ],
)
def test_a_url_that_cannot_be_right_is_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(ValueInvalid, match=words):
        target_of(url, allows_plain=False)


def test_a_url_is_taken_apart() -> None:
    target = target_of("https://Example.com:8443/hook?to=me#part", allows_plain=False)

    assert (target.host, target.port, target.path, target.is_encrypted) == (
        "example.com",
        8443,
        "/hook?to=me",
        True,
    )
    assert target_of("http://example.com", allows_plain=True).path == "/"
