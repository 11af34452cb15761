"""A sealed token opens in its own row and nowhere else, by either key service."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from broker_handoff.adapters.aws_keys import AwsKeys
from broker_handoff.adapters.local_keys import LocalKeys, add_key
from broker_handoff.vault import (
    KeyServiceAway,
    Sealed,
    Token,
    VaultRefused,
    WrappedKey,
    context_of,
    seal,
    unseal,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from broker_handoff.vault import KeyService

MINE = context_of(user_id=UUID(int=1), connection_id=UUID(int=2))
OTHERS = context_of(user_id=UUID(int=1), connection_id=UUID(int=3))
CANARY = "canary-0f1e2d3c4b5a"


@pytest.fixture
def local(tmp_path: Path) -> LocalKeys:
    return LocalKeys(tmp_path / "keys")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsKeys]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield AwsKeys(boto3.client("kms").create_key()["KeyMetadata"]["Arn"])


@pytest.fixture(params=["local", "aws"])
def keys(request: pytest.FixtureRequest) -> KeyService:
    return request.getfixturevalue(request.param)


def test_what_is_sealed_opens_again_and_nothing_of_it_is_to_be_seen(keys: KeyService) -> None:
    sealed = seal(Token(CANARY), MINE, keys)

    assert unseal(sealed, MINE, keys).reveal() == CANARY
    assert CANARY.encode() not in sealed.ciphertext + sealed.key.wrapped
    assert CANARY not in repr(sealed)
    assert seal(Token(CANARY), MINE, keys).ciphertext != sealed.ciphertext


@pytest.mark.parametrize("which", ["ciphertext", "wrapped key", "both"])
def test_what_was_moved_to_another_row_does_not_open(keys: KeyService, which: str) -> None:
    mine, others = seal(Token(CANARY), MINE, keys), seal(Token("another"), OTHERS, keys)
    moved = {
        "ciphertext": replace(mine, ciphertext=others.ciphertext),
        "wrapped key": replace(mine, key=others.key),
        "both": others,
    }[which]

    with pytest.raises(VaultRefused) as refusal:
        unseal(moved, MINE, keys)
    assert CANARY not in str(refusal.value)


def test_a_changed_bit_a_cut_or_another_version_does_not_open(keys: KeyService) -> None:
    sealed = seal(Token(CANARY), MINE, keys)
    flipped = sealed.ciphertext[:-1] + bytes([sealed.ciphertext[-1] ^ 1])

    for ciphertext in (flipped, sealed.ciphertext[:5], b"", b"\x02" + sealed.ciphertext[1:]):
        with pytest.raises(VaultRefused):
            unseal(Sealed(ciphertext=ciphertext, key=sealed.key), MINE, keys)


def test_a_key_wrapped_for_one_context_is_refused_by_the_service_itself(keys: KeyService) -> None:
    _, wrapped = keys.new_key(MINE)

    for call in (keys.unwrap, keys.rewrap):
        with pytest.raises(VaultRefused):
            call(wrapped, OTHERS)


def test_a_wrapped_key_that_was_tampered_with_is_refused(keys: KeyService) -> None:
    _, wrapped = keys.new_key(MINE)

    with pytest.raises(VaultRefused):
        keys.unwrap(replace(wrapped, wrapped=wrapped.wrapped[:-1]), MINE)
    with pytest.raises(VaultRefused):
        keys.unwrap(WrappedKey(wrapped=wrapped.wrapped, key_id="nobodys"), MINE)


def test_a_rewrapped_key_opens_what_it_sealed(keys: KeyService) -> None:
    sealed = seal(Token(CANARY), MINE, keys)
    rewrapped = replace(sealed, key=keys.rewrap(sealed.key, MINE))

    assert rewrapped.key.wrapped != sealed.key.wrapped
    assert unseal(rewrapped, MINE, keys).reveal() == CANARY


def test_after_a_new_key_the_old_one_may_be_disabled_once_all_is_rewrapped(local: LocalKeys) -> None:
    sealed = seal(Token(CANARY), MINE, local)
    old = local.current_key_id
    new = add_key(local.file)
    rewrapped = replace(sealed, key=local.rewrap(sealed.key, MINE))
    local.file.write_text(
        "".join(
            line + (" disabled\n" if line.startswith(old) else "\n")
            for line in local.file.read_text().splitlines()
        )
    )

    assert rewrapped.key.key_id == new == local.current_key_id
    assert unseal(rewrapped, MINE, local).reveal() == CANARY
    with pytest.raises(VaultRefused, match="disabled"):
        unseal(sealed, MINE, local)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("DisabledException", VaultRefused),
        ("KMSInvalidStateException", VaultRefused),
        ("AccessDeniedException", VaultRefused),
        ("ThrottlingException", KeyServiceAway),
        ("KMSInternalException", KeyServiceAway),
    ],
)
def test_what_aws_says_is_final_or_worth_another_try(aws: AwsKeys, code: str, error: type[Exception]) -> None:
    # moto decrypts with a disabled key, so the service's words are put into its mouth.
    sealed = seal(Token(CANARY), MINE, aws)
    with Stubber(aws._client) as stubbed:
        for _ in range(3):  # as often as the client asks
            stubbed.add_client_error("decrypt", service_error_code=code)
        with pytest.raises(error):
            unseal(sealed, MINE, aws)


def test_the_local_keys_are_for_their_owner_s_eyes(local: LocalKeys) -> None:
    assert local.current_key_id
    assert local.file.stat().st_mode & 0o777 == 0o600


def test_a_token_in_clear_does_not_show_itself() -> None:
    token = Token(CANARY)

    assert CANARY not in f"{token} {token!r} {[token]} {vars(type(token))}"
    with pytest.raises(TypeError):
        pickle.dumps(token)
