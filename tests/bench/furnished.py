"""`python -m tests.bench.furnished bench.fills --rounds 2`: a benchmark over tables that are there already.

What is tested is what it measures, not once more how an installation comes to its tables.
"""

from __future__ import annotations

import runpy
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench import harness
from raxx.folder import DataFolder
from tests import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

_made = harness.temporary_folder


@contextmanager
def _furnished() -> Iterator[str]:
    with _made() as name:
        schema.furnish(DataFolder(Path(name)))
        yield name


if __name__ == "__main__":
    harness.temporary_folder = _furnished  # type: ignore[assignment]
    del sys.argv[0]  # the benchmark's name is the program's now
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
