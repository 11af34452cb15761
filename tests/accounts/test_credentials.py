"""A key pair in a request's headers, in each of its three forms."""

from __future__ import annotations

import base64

import pytest

from accounts.credentials import UNREADABLE, key_pair


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("key_id", "secret", "authorization", "pair"),
    [
        (None, None, None, None),
        (None, None, "", None),
        ("PK1", "s", None, ("PK1", "s")),
        ("PK1", None, None, ("PK1", "")),
        (None, "s", None, ("", "s")),
        (None, None, basic("PK1:s:t"), ("PK1", "s:t")),
        (None, None, "Bearer PK1.s-t_u", ("PK1", "s-t_u")),
        (None, None, "bearer  PK1.s", ("PK1", "s")),
        (None, None, "Bearer PK1", UNREADABLE),
        (None, None, "Bearer ", UNREADABLE),
        (None, None, "Basic !!!", UNREADABLE),
        (None, None, basic("no colon"), UNREADABLE),
        (None, None, "Digest username=x", UNREADABLE),
        ("PK1", "s", "Bearer PK2.t", UNREADABLE),  # two callers in one request
    ],
)
def test_a_pair_is_read_from_each_form(
    key_id: str | None, secret: str | None, authorization: str | None, pair: tuple[str, str] | None
) -> None:
    assert key_pair(key_id, secret, authorization) == pair
