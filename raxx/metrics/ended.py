"""What processes have counted that live no more: folded into one file of each kind, so that no counter goes backwards.

A process's counters and histograms are part of the sums for ever; its gauges end with it. Without folding each process
that there ever was, commands included, would leave its files, and each scrape would read them all.

    ended.json                          the number of the present sums, and whose files they contain
    counter_ended-N.db, histogram_...   the present sums, in the client's own format

`ended.json` is replaced in one step, and says alone what counts: files of names that it lists, and sums of another
number, are left over from a run that was killed, and are read by nobody. So it may be killed at any point.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import struct
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prometheus_client.mmap_dict import MmapedDict

from raxx.metrics import living

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

RECORD, LOCK = "ended.json", "ended.lock"
KEPT = ("counter", "histogram", "summary")  # kinds whose values add up; a gauge is of who lives
HEAD_BYTES = 8  # a file that is smaller has just been opened, and says nothing yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Which sums are the present ones, and whose counts they contain."""

    number: int = 0
    names: frozenset[str] = frozenset()


@contextmanager
def summed(folder: Path) -> Iterator[list[str]]:
    """Fold in who has ended since the last time, and yield the files whose sum is told; none goes while the block lasts."""
    with _alone(folder):
        record = _record(folder)
        _clear(folder, record)  # what a run that was killed has left
        if names := frozenset(living.ended(folder)):
            record = _folded(folder, record, names)
            _clear(folder, record)
        yield [str(file) for file in sorted(folder.glob("*.db")) if file.stat().st_size >= HEAD_BYTES]


def forget(folder: Path) -> None:
    """Remove all that was counted by processes that live no more."""
    if not folder.is_dir():
        return
    with _alone(folder):
        (folder / RECORD).unlink(missing_ok=True)
        dead = frozenset(living.ended(folder))
        alive = {file.stem for file in folder.glob(f"*{living.SUFFIX}")} - dead
        for file in folder.glob("*.db"):
            if _name_of(file) not in alive:
                file.unlink(missing_ok=True)
        _clear(folder, Record(names=dead))


def _folded(folder: Path, record: Record, names: frozenset[str]) -> Record:
    """Write sums that contain these names' counts as well, and return the record that makes them count."""
    fresh = Record(number=record.number + 1, names=names)
    for kind in KEPT:
        sums: defaultdict[str, float] = defaultdict(float)
        olds = [
            folder / f"{kind}_{_sums_of(record)}.db",
            *(folder / f"{kind}_{name}.db" for name in sorted(names)),
        ]
        for old in olds:
            for key, value in _values(old):
                sums[key] += value
        if sums:
            _write(folder / f"{kind}_{_sums_of(fresh)}.db", sums)
    draft = folder / f".{RECORD}"
    draft.write_text(json.dumps({"number": fresh.number, "names": sorted(fresh.names)}), encoding="ascii")
    draft.rename(folder / RECORD)
    return fresh


def _write(file: Path, sums: dict[str, float]) -> None:
    file.unlink(missing_ok=True)  # of a run that was killed
    written: Any = MmapedDict(str(file))  # type: ignore[no-untyped-call] # the client is not typed here
    try:
        for key, value in sums.items():
            written.write_value(key, value, 0.0)
    finally:
        written.close()


def _values(file: Path) -> Iterable[tuple[str, float]]:
    """Return what is in a file of somebody who writes no more; nothing where there is none, or it is torn."""
    try:
        found: Any = MmapedDict.read_all_values_from_file(str(file))  # type: ignore[no-untyped-call]
        return [(key, value) for key, value, _, _ in found]
    except FileNotFoundError:
        return []
    except (struct.error, RuntimeError, UnicodeDecodeError):  # the machine went down while it grew
        logger.warning("%s is torn: what it has counted is left out", file)
        return []


def _clear(folder: Path, record: Record) -> None:
    """Remove the files that do not count by the record; the locks last, for they tell whose files there are."""
    for file in folder.glob("*.db"):
        name = _name_of(file)
        is_old = name.startswith("ended-") and name != _sums_of(record)
        if is_old or name in record.names:
            file.unlink(missing_ok=True)
    for name in record.names:
        (folder / f"{name}{living.SUFFIX}").unlink(missing_ok=True)


def _record(folder: Path) -> Record:
    """Return what the last run has recorded; where that cannot be read, nothing has ever been folded."""
    try:
        said: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="ascii"))
        return Record(number=int(said["number"]), names=frozenset(said["names"]))
    except FileNotFoundError:
        return Record()
    except (ValueError, TypeError, KeyError):
        logger.warning("%s is torn: counters begin anew", folder / RECORD)
        return Record()


def _sums_of(record: Record) -> str:
    return f"ended-{record.number}"


def _name_of(file: Path) -> str:
    return file.stem.rpartition("_")[2]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only one that folds here, of all processes and threads, while the block lasts."""
    descriptor = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
