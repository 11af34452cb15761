"""The end of an installation that has played, and was hurt where test_faults.py has had it before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.acceptance.house import House


def test_a_stopped_house_leaves_no_process_and_the_doctor_says_what_is_missing(house: House) -> None:
    assert house.stop() == 0

    examined = house.manage("doctor")
    assert examined.returncode == 1
    assert "fix:" in examined.stdout
    assert not examined.stderr
