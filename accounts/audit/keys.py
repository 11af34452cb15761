"""The key that signs anchors. It never stands in the database, whose owner must not be able to sign."""

from __future__ import annotations

import glob
import os
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

if TYPE_CHECKING:
    from pathlib import Path


class KeyUnusable(Exception):
    """The file of a key is missing, cannot be read, or holds something else; the text says which and what to do."""


def signing_key(file: Path, *, may_make: bool) -> Ed25519PrivateKey:
    """Return the key in a PEM file, which is made with mode 0600 where it is missing and that is allowed.

    Raises KeyUnusable.
    """
    content = _content(file, may_make=may_make)
    if b"PUBLIC KEY" in content:
        raise KeyUnusable(
            f"{file} is the public half, which cannot sign: the worker has the key, and anchors by itself"
        )
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"{file} is no Ed25519 private key: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"{file} is another kind of key than Ed25519")
    if may_make:
        _forget_drafts(file)
    return key


def public_key(file: Path) -> Ed25519PublicKey:
    """Return the public key of a PEM file that holds either half: who verifies needs no power to sign.

    Raises KeyUnusable.
    """
    content = _content(file, may_make=False)
    if b"PRIVATE KEY" in content:
        return signing_key(file, may_make=False).public_key()
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"{file} is no Ed25519 key: {error}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnusable(f"{file} is another kind of key than Ed25519")
    return key


def name_of(key: Ed25519PublicKey) -> str:
    """Return a short name for a public key, which an anchor carries: the beginning of its SHA-256."""
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def as_text(key: Ed25519PublicKey) -> str:
    """Return the public key as PEM, for who shall verify elsewhere."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _content(file: Path, *, may_make: bool) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        if not may_make:
            raise KeyUnusable(
                f"{file} is missing; make it with: openssl genpkey -algorithm ed25519 -out {file}"
            ) from None
    except OSError as error:
        raise KeyUnusable(f"{file} cannot be read: {error.strerror}") from None
    _make(file)
    return file.read_bytes()


def _make(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(
            Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        stream.flush()
        os.fsync(stream.fileno())
    try:
        # A link fails if another process was first, so that all of them agree on one key.
        file.hardlink_to(draft)
    except (FileExistsError, FileNotFoundError):  # who was first may have deleted our draft already
        pass
    finally:
        draft.unlink(missing_ok=True)


def _forget_drafts(file: Path) -> None:
    """Delete what a process has left that was killed while it made the key; there is one now, so nobody needs another."""
    for left in file.parent.glob(f".{glob.escape(file.name)}.*.*"):
        left.unlink(missing_ok=True)
