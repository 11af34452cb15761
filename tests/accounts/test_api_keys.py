"""Credentials of bots: shown once, kept as a hash, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import re

import pytest
from django.db import connection

from accounts.models import ApiKey
from accounts.models.api_key import DEFAULT_SCOPES, digest, new_key_id, new_secret
from tests.factories.rows import SECRET, make_account, make_api_key

pytestmark = pytest.mark.django_db


def test_a_key_knows_its_secret_and_no_other() -> None:
    key = make_api_key(make_account())
    stored = ApiKey.objects.get()

    assert stored == key
    assert stored.matches(SECRET)
    assert not any(
        stored.matches(word) for word in ("", SECRET[:-1], SECRET + " ", SECRET.upper(), digest(SECRET).hex())
    )


def test_the_secret_is_nowhere_in_the_row() -> None:
    make_api_key(make_account())

    with connection.cursor() as cursor:
        cursor.execute("select to_jsonb(k)::text, secret_hash from accounts_apikey k")
        row, stored = cursor.fetchone()

    assert SECRET not in row
    assert SECRET.encode().hex() not in row
    assert bytes(stored) == hashlib.sha256(SECRET.encode()).digest()


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_api_key(make_account())
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)

    assert key.matches(SECRET)
    assert not key.matches("another")

    assert compared == [(digest(SECRET), digest(SECRET)), (digest(SECRET), digest("another"))]


def test_fresh_ids_and_secrets_look_as_clients_expect_and_never_repeat() -> None:
    ids, secrets = {new_key_id() for _ in range(500)}, {new_secret() for _ in range(500)}

    assert all(re.fullmatch("PK[A-Z2-7]{18}", key_id) for key_id in ids)
    assert all(re.fullmatch("[A-Za-z0-9_-]{40}", secret) for secret in secrets)
    assert (len(ids), len(secrets)) == (500, 500)


def test_a_key_may_read_trade_and_see_data_and_never_operate_unless_told() -> None:
    key = make_api_key(make_account())

    assert key.scopes == DEFAULT_SCOPES == ["read", "trade", "data"]
    assert key.scopes is not DEFAULT_SCOPES  # one key's change must not be the next one's default


def test_a_key_prints_its_public_id_alone() -> None:
    key = make_api_key(make_account())

    assert str(key) == key.key_id
    assert SECRET not in repr(key)
