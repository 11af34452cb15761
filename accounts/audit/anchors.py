"""Anchors: how far every chain had come, signed, in files outside the database that nobody rewrites.

A chain of hashes proves nothing against who may rewrite all of it, its head included. An anchor does:
what it says of a chain must stand in the chain for ever.

A file `000000000007.anchor` is text: a line of JSON (the facts), a line with its Ed25519 signature in hex,
and a line for each head that is new since the anchor before, or for every head (`is_full`). The facts
name the hash of the file before, of the lines, and the Merkle root over all heads. Files that end the
log could be taken away, which the database's row of the last one then shows (known.py); the folder is best where
nothing can be deleted.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature

from accounts.audit.keys import name_of
from accounts.audit.merkle import Head

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

VERSION = 1
NONE_BEFORE = "0" * 64
_NAME = re.compile(r"(\d{12})\.anchor")
_DRAFT = re.compile(r"\.(\d{12})\.\d+\.[0-9a-f]{8}")


class AnchorBroken(Exception):
    """An anchor's file is not what was once written; `number` says which, the text why."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number


class AnchorTaken(Exception):
    """Somebody else has just written the anchor of this number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is signed. Hashes are in hex."""

    version: int
    number: int  # from 1, without a gap
    at: str  # RFC 3339, UTC, the wall clock of who anchored
    previous: str  # SHA-256 of the file before; noughts for the first
    is_full: bool
    chains: int  # how many heads there are in all
    lines: int  # how many of them stand here
    lines_sha256: str
    root: str  # of all heads
    key: str  # name of the key that signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """One file, read."""

    facts: Facts
    signature: bytes
    signed: bytes  # the line of facts as it stands
    lines: bytes
    digest: str  # SHA-256 of the file, in hex: what the next one must name

    @property
    def at(self) -> datetime:
        """When it was written, UTC."""
        return datetime.fromisoformat(self.facts.at)

    def heads(self) -> Iterator[tuple[UUID, Head]]:
        """Yield the heads that stand here. Raises AnchorBroken."""
        try:
            for line in self.lines.decode("ascii").splitlines():
                chain, seq, digest = line.split(" ")
                yield UUID(chain), Head(int(seq), bytes.fromhex(digest))
        except ValueError:
            raise AnchorBroken(self.facts.number, "has a line that is no head") from None

    def require_signature(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        """Raise AnchorBroken unless one of our keys has signed it and the lines are those that it signed."""
        key = keys.get(self.facts.key)
        if key is None:
            raise AnchorBroken(self.facts.number, f"was signed by a key that is not ours: {self.facts.key}")
        try:
            key.verify(self.signature, self.signed)
        except InvalidSignature:
            raise AnchorBroken(self.facts.number, "has a signature that does not fit it") from None
        if sha256(self.lines).hexdigest() != self.facts.lines_sha256:
            raise AnchorBroken(self.facts.number, "has other heads than those that were signed")


def write(
    folder: Path,
    *,
    key: Ed25519PrivateKey,
    number: int,
    at: datetime,
    previous: str,
    heads: Mapping[UUID, Head],
    root: bytes,
    chains: int,
    is_full: bool,
) -> tuple[Path, str]:
    """Write an anchor with these heads, and return its file, and the file's digest, when it is on the disk.

    Raises AnchorTaken, OSError.
    """
    lines = "".join(f"{chain} {heads[chain].seq} {heads[chain].hash.hex()}\n" for chain in sorted(heads))
    facts = Facts(
        version=VERSION,
        number=number,
        at=at.isoformat(),
        previous=previous,
        is_full=is_full,
        chains=chains,
        lines=len(heads),
        lines_sha256=sha256(lines.encode()).hexdigest(),
        root=root.hex(),
        key=name_of(key.public_key()),
    )
    signed = json.dumps(asdict(facts), sort_keys=True, separators=(",", ":")).encode()
    content = signed + b"\n" + key.sign(signed).hex().encode() + b"\n" + lines.encode()
    file = _put(folder, number, content)
    _finish(folder, number)
    return file, sha256(content).hexdigest()


def copy(source: Path, folder: Path, which: Iterable[int]) -> None:
    """Have some anchors of one folder in another as well; each is there whole or not at all. Raises OSError."""
    for number in which:
        with suppress(AnchorTaken):
            _put(folder, number, _file(source, number).read_bytes())
    if there := numbers(folder):
        _finish(folder, there[-1])


def are_all_in(one: Path, other: Path) -> bool:
    """Whether every anchor of `one` is also in `other`, to the byte. Raises OSError."""
    there = set(numbers(other))
    return all(
        number in there and _file(one, number).read_bytes() == _file(other, number).read_bytes()
        for number in numbers(one)
    )


def _put(folder: Path, number: int, content: bytes) -> Path:
    """Give what an anchor holds its name, when it is on the disk. Raises AnchorTaken, OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = _file(folder, number)
    draft = folder / f".{number:012d}.{os.getpid()}.{secrets.token_hex(4)}"
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o400)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        file.hardlink_to(draft)  # whole or not at all, and never over another
    except (FileExistsError, FileNotFoundError):  # who took the number may have deleted our draft already
        raise AnchorTaken from None
    finally:
        draft.unlink(missing_ok=True)
    return file


def _finish(folder: Path, number: int) -> None:
    """Have the names up to a number outlive the machine, and nothing else of them be left."""
    for left in folder.glob(".*"):
        if (match := _DRAFT.fullmatch(left.name)) and int(match[1]) <= number:
            left.unlink(missing_ok=True)  # of a writer that was killed, or comes too late
    sync(folder)


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number:012d}.anchor"


def numbers(folder: Path) -> list[int]:
    """Return the numbers of the anchors that are there, rising; none where there is no folder."""
    if not folder.is_dir():
        return []
    found = (_NAME.fullmatch(file.name) for file in folder.iterdir())
    return sorted(int(match[1]) for match in found if match)


def read(folder: Path, number: int) -> Anchor:
    """Read one anchor; nothing is proved yet but that it is one. Raises AnchorBroken."""
    try:
        content = _file(folder, number).read_bytes()
    except OSError as error:
        raise AnchorBroken(number, f"cannot be read: {error.strerror}") from None
    signed, _, rest = content.partition(b"\n")
    signature, _, lines = rest.partition(b"\n")
    try:
        known: Any = json.loads(signed)
        facts = Facts(**known)
        _ = datetime.fromisoformat(facts.at)
        if (facts.version, facts.number) != (VERSION, number):
            raise AnchorBroken(number, f"calls itself {facts.number}, of version {facts.version}")
        return Anchor(
            facts=facts,
            signature=bytes.fromhex(signature.decode("ascii")),
            signed=signed,
            lines=lines,
            digest=sha256(content).hexdigest(),
        )
    except (TypeError, ValueError):
        raise AnchorBroken(number, "is no anchor any more") from None


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, outlive the machine."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
