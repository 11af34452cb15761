"""A token in its row: opened by a worker alone, told of each time, and refused where it was moved."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from django.db import ProgrammingError, transaction
from moto import mock_aws

from accounts.binding import acting_for, rebind
from accounts.models import AuditEntry
from broker_handoff import adapters
from broker_handoff.adapters.local_keys import add_key
from broker_handoff.models import BrokerConnection, SealedToken
from broker_handoff.services import tokens
from broker_handoff.services.tokens import TokenGone, opened, rewrap_one, sealed_for, shred, store
from broker_handoff.vault import KeyServiceAway, Token, VaultRefused
from raxx import roles
from tests.broker_handoff.people import make_connection, make_trader

if TYPE_CHECKING:
    from broker_handoff.adapters.local_keys import LocalKeys

pytestmark = pytest.mark.django_db

CANARY = "canary-7c1d"


def told_of(connection: BrokerConnection) -> list[tuple[str, Any]]:
    """Return what the audit log has of the connection's person."""
    entries = AuditEntry.objects.filter(subject=connection.user_id).order_by("pk")
    return [(entry.action, entry.body) for entry in entries]


def actions(connection: BrokerConnection) -> list[str]:
    return [action for action, _ in told_of(connection)]


def disable(keys: LocalKeys) -> None:
    """Disable every key that there is."""
    lines = keys.file.read_text().splitlines()
    keys.file.write_text("".join(f"{line} disabled\n" for line in lines))


def test_a_worker_opens_a_token_and_the_audit_log_knows_before_it_is_used(
    keys: LocalKeys, as_role: Any
) -> None:
    connection = make_connection(token=CANARY, keys=keys)

    with as_role(roles.WORKER), opened(connection, keys, purpose="submit") as token:
        assert actions(connection) == ["live.token_used"]
        assert token.reveal() == CANARY
    assert f'"connection":"{connection.pk}"' in told_of(connection)[0][1]
    assert '"purpose":"submit"' in told_of(connection)[0][1]


def test_after_its_block_a_token_is_forgotten(keys: LocalKeys) -> None:
    connection = make_connection(token=CANARY, keys=keys)

    with ExitStack() as stack:
        token = stack.enter_context(opened(connection, keys, purpose="submit"))
    with pytest.raises(ValueError, match="forgotten"):
        token.reveal()


def test_who_serves_people_stores_and_shreds_and_cannot_read(keys: LocalKeys, as_role: Any) -> None:
    connection = make_connection(make_trader(), token=CANARY, keys=keys)

    with acting_for(connection.user_id), as_role(roles.APP):
        rebind(connection.user_id)
        store(connection, sealed_for(connection.user_id, connection.pk, Token("new"), keys))
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            SealedToken.objects.owned_by(connection.user).values_list("ciphertext").first()
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            list(SealedToken.objects.owned_by(connection.user).values_list("wrapped_key"))
        assert shred(connection)
    assert not SealedToken.objects.exists()


@pytest.mark.parametrize("moved", [["ciphertext"], ["wrapped_key", "key_id"], ["ciphertext", "wrapped_key"]])
def test_what_was_moved_from_another_row_is_refused_audited_and_visible(
    keys: LocalKeys, moved: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    mine = make_connection(token=CANARY, keys=keys)
    others = make_connection(token="another", keys=keys)
    source = SealedToken.objects.get(pk=others.pk)
    SealedToken.objects.filter(pk=mine.pk).update(**{name: getattr(source, name) for name in moved})

    with pytest.raises(VaultRefused), opened(mine, keys, purpose="submit"):
        pytest.fail("it must not open")

    assert actions(mine) == ["live.token_refused"]
    assert BrokerConnection.objects.get(pk=mine.pk).token_refused_at is not None
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert str(mine.pk) in caplog.text


def test_a_row_that_was_put_under_another_connection_is_refused(keys: LocalKeys) -> None:
    mine = make_connection(token=CANARY, keys=keys)
    others = make_connection()
    row = SealedToken.objects.get(pk=mine.pk)
    SealedToken.objects.create(
        connection=others,
        user=others.user,
        ciphertext=row.ciphertext,
        wrapped_key=row.wrapped_key,
        key_id=row.key_id,
    )

    with pytest.raises(VaultRefused), opened(others, keys, purpose="submit"):
        pytest.fail("it must not open")
    assert actions(others) == ["live.token_refused"]


def test_a_disabled_key_opens_nothing_and_it_is_told(keys: LocalKeys) -> None:
    connection = make_connection(token=CANARY, keys=keys)
    disable(keys)

    with pytest.raises(VaultRefused, match="disabled"), opened(connection, keys, purpose="submit"):
        pytest.fail("it must not open")
    assert actions(connection) == ["live.token_refused"]


def test_a_key_service_that_is_away_is_no_refusal(keys: LocalKeys) -> None:
    connection = make_connection(token=CANARY, keys=keys)
    keys.file.write_text("no key at all\n")

    with pytest.raises(KeyServiceAway), opened(connection, keys, purpose="submit"):
        pytest.fail("it must not open")
    assert actions(connection) == []
    assert BrokerConnection.objects.get(pk=connection.pk).token_refused_at is None


def test_a_shredded_token_is_gone(keys: LocalKeys) -> None:
    connection = make_connection(token=CANARY, keys=keys)

    assert [shred(connection), shred(connection)] == [True, False]
    with pytest.raises(TokenGone), opened(connection, keys, purpose="submit"):
        pytest.fail("it must not open")


def test_a_token_that_is_shredded_while_the_key_service_is_asked_is_not_given_out(
    keys: LocalKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = make_connection(token=CANARY, keys=keys)
    unseal = tokens.unseal

    def slow(*given: Any) -> Token:
        shred(connection)
        return unseal(*given)

    monkeypatch.setattr(tokens, "unseal", slow)
    with pytest.raises(TokenGone), opened(connection, keys, purpose="submit"):
        pytest.fail("it must not open")
    assert actions(connection) == []


def test_a_new_token_takes_the_old_one_s_place(keys: LocalKeys) -> None:
    connection = make_connection(token="old", keys=keys)

    store(connection, sealed_for(connection.user_id, connection.pk, Token(CANARY), keys))

    with opened(connection, keys, purpose="submit") as token:
        assert token.reveal() == CANARY


def test_rewrapping_opens_nothing_and_is_told(keys: LocalKeys) -> None:
    connection = make_connection(token=CANARY, keys=keys)
    before = SealedToken.objects.get(pk=connection.pk)
    new = add(keys)

    assert [rewrap_one(connection.pk, keys), rewrap_one(connection.pk, keys)] == [True, False]

    after = SealedToken.objects.get(pk=connection.pk)
    assert bytes(after.ciphertext) == bytes(before.ciphertext)
    assert bytes(after.wrapped_key) != bytes(before.wrapped_key)
    assert after.key_id == new
    assert actions(connection) == ["live.token_rewrapped"]
    with opened(connection, keys, purpose="submit") as token:
        assert token.reveal() == CANARY


def test_a_token_that_was_replaced_meanwhile_is_not_rewrapped_over(
    keys: LocalKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = make_connection(token="old", keys=keys)
    add(keys)
    rewrap = type(keys).rewrap

    def slow(self: LocalKeys, *given: Any) -> Any:
        made = rewrap(self, *given)
        store(connection, sealed_for(connection.user_id, connection.pk, Token(CANARY), keys))
        return made

    monkeypatch.setattr(type(keys), "rewrap", slow)
    assert not rewrap_one(connection.pk, keys)
    with opened(connection, keys, purpose="submit") as token:
        assert token.reveal() == CANARY


def add(keys: LocalKeys) -> str:
    """Give the service another key, under which it wraps from now on."""
    return add_key(keys.file)


def test_a_row_goes_the_whole_way_by_aws_kms_as_well(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        kms = boto3.client("kms")
        settings.KMS, settings.KMS_KEY = "aws", kms.create_key()["KeyMetadata"]["KeyId"]
        connection = make_connection(token=CANARY, keys=adapters.key_service())
        others = make_connection(token="another", keys=adapters.key_service())
        settings.KMS_KEY = kms.create_key()["KeyMetadata"]["KeyId"]
        assert rewrap_one(connection.pk, adapters.key_service())
        assert SealedToken.objects.get(pk=connection.pk).key_id.endswith(settings.KMS_KEY)
        with opened(connection, adapters.key_service(), purpose="submit") as token:
            assert token.reveal() == CANARY

        row = SealedToken.objects.get(pk=others.pk)
        SealedToken.objects.filter(pk=connection.pk).update(wrapped_key=row.wrapped_key, key_id=row.key_id)
        with pytest.raises(VaultRefused), opened(connection, adapters.key_service(), purpose="submit"):
            pytest.fail("it must not open")
    assert actions(connection) == ["live.token_rewrapped", "live.token_used", "live.token_refused"]
