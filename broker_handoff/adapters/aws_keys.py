"""AWS KMS as the key service. Only a wrapped key travels to it; the token never does.

Source: AWS KMS API reference, GenerateDataKey, Decrypt and ReEncrypt with an encryption context.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from broker_handoff.vault import KeyServiceAway, VaultRefused, WrappedKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TIMEOUT_S = 3

# What the service says when the answer would be no however often one asks.
REFUSALS = frozenset(
    {
        "InvalidCiphertextException",
        "IncorrectKeyException",
        "DisabledException",
        "KMSInvalidStateException",
        "NotFoundException",
        "AccessDeniedException",
        "InvalidKeyUsageException",
    }
)


@dataclass(frozen=True)
class AwsKeys:
    """The service of one key, named by its id, ARN or alias."""

    key: str

    @cached_property
    def current_key_id(self) -> str:
        """The ARN behind the name. Raises VaultRefused, KeyServiceAway."""
        with _told():
            return str(self._client.describe_key(KeyId=self.key)["KeyMetadata"]["Arn"])

    def new_key(self, context: Mapping[str, str]) -> tuple[bytes, WrappedKey]:
        """Return a fresh data key, in clear and wrapped."""
        with _told():
            made = self._client.generate_data_key(
                KeyId=self.key, KeySpec="AES_256", EncryptionContext=dict(context)
            )
        return made["Plaintext"], WrappedKey(wrapped=made["CiphertextBlob"], key_id=made["KeyId"])

    def unwrap(self, key: WrappedKey, context: Mapping[str, str]) -> bytes:
        """Return a data key in clear."""
        with _told():
            found = self._client.decrypt(
                CiphertextBlob=key.wrapped, KeyId=key.key_id, EncryptionContext=dict(context)
            )
        clear: bytes = found["Plaintext"]
        return clear

    def rewrap(self, key: WrappedKey, context: Mapping[str, str]) -> WrappedKey:
        """Return the same data key under the present key, without its ever coming to us."""
        with _told():
            made = self._client.re_encrypt(
                CiphertextBlob=key.wrapped,
                SourceKeyId=key.key_id,
                SourceEncryptionContext=dict(context),
                DestinationKeyId=self.key,
                DestinationEncryptionContext=dict(context),
            )
        return WrappedKey(wrapped=made["CiphertextBlob"], key_id=made["KeyId"])

    @cached_property
    def _client(self) -> Any:
        import boto3  # slow to import, and no part of an installation without live
        from botocore.config import Config

        patience = Config(
            connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 3}
        )
        return boto3.client("kms", config=patience)


@contextmanager
def _told() -> Iterator[None]:
    """Tell the service's errors in our words. Its own may name keys and contexts; they hold no secret."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in REFUSALS:
            raise VaultRefused(f"the key service refused: {code}") from None
        raise KeyServiceAway(f"the key service failed: {code}") from None
    except BotoCoreError as error:
        raise KeyServiceAway(f"the key service is away: {type(error).__name__}") from None
