"""A process does not start with half a way out to a broker. What is refused: test_live.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_process_does_not_start_with_live_trading_and_nothing_else(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}

    ended = subprocess.run(
        [sys.executable, "-c", "import raxx.settings"],
        cwd=ROOT,
        env={**kept, "RAXX_DATA_DIR": str(tmp_path), "RAXX_LIVE": "on"},
        capture_output=True,
        text=True,
        check=False,
    )

    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("raxx.env.SettingError: RAXX_LIVE=on refuses to start: RAXX_BROKER_AUTHORIZE_URL")
