"""Dividends and splits, worked out of LEAN's factor files."""

from __future__ import annotations

import os
from datetime import date
from decimal import Decimal

import pytest

from matching.market.errors import TapeInvalid
from matching.market.factors import Action, actions_in
from tests.matching.market.tapes import recorded_lean


def write(folder, *lines, symbol="xyz"):
    path = folder / "equity" / "usa" / "factor_files" / f"{symbol}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def split(old, new, last_date=date(2014, 6, 6)):
    return Action(symbol="XYZ", last_date=last_date, old_shares=old, new_shares=new)


def dividend(cash, last_date=date(2014, 6, 6)):
    return Action(symbol="XYZ", last_date=last_date, cash=Decimal(cash))


@pytest.mark.parametrize(
    ("lines", "actions"),
    [
        pytest.param(["20140606,1,1,50", "20501231,1,1,0"], (), id="nothing"),
        pytest.param(["20140606,1,0.25,645.57", "20501231,1,1,0"], (split(1, 4),), id="four for one"),
        pytest.param(["20140606,1,0.1428571,645.57", "20501231,1,1,0"], (split(1, 7),), id="seven for one"),
        pytest.param(["20140606,1,0.6666667,60", "20501231,1,1,0"], (split(2, 3),), id="three for two"),
        pytest.param(["20140606,1,3,60", "20501231,1,1,0"], (split(3, 1),), id="a reverse split"),
        pytest.param(["20140606,0.99,1,50", "20501231,1,1,0"], (dividend("0.50"),), id="a dividend"),
        pytest.param(
            ["20140606,0.9943033,1,464.98", "20501231,1,1,0"], (dividend("2.6489"),), id="to four places"
        ),
        pytest.param(
            ["20140606,0.495,0.5,50", "20501231,0.5,1,0"], (dividend("0.50"), split(1, 2)), id="both on a day"
        ),
        pytest.param(
            ["20130606,0.98505,1,100", "20140606,0.99,1,50", "20501231,1,1,0"],
            (dividend("0.50", date(2013, 6, 6)), dividend("0.50")),
            id="two dividends",
        ),
    ],
)
def test_a_step_between_rows_is_an_action(tmp_path, lines, actions):
    write(tmp_path, *lines)

    assert actions_in(tmp_path, "XYZ") == actions


def test_a_symbol_without_a_file_has_no_actions(tmp_path):
    assert actions_in(tmp_path, "XYZ") == ()


@pytest.mark.parametrize(
    "line", ["20140606,1,1", "2014-06-06,1,1,1", "20140606,0,1,1", "20140606,x,1,1", "20140606,-1,1,1"]
)
def test_a_row_that_is_none_is_named(tmp_path, line):
    write(tmp_path, "20130606,1,1,1", line)

    with pytest.raises(TapeInvalid, match="line 2"):
        actions_in(tmp_path, "XYZ")


def test_a_file_that_has_changed_is_read_again(tmp_path):
    path = write(tmp_path, "20140606,1,0.5,60", "20501231,1,1,0")
    assert actions_in(tmp_path, "XYZ") == (split(1, 2),)

    path.write_text("20140606,1,0.25,60\n20501231,1,1,0", encoding="utf-8")
    os.utime(path, ns=(1, 1))

    assert actions_in(tmp_path, "XYZ") == (split(1, 4),)


def test_the_recorded_days_tell_apples_splits_and_dividends():
    actions = actions_in(recorded_lean(), "AAPL")

    assert [(str(each.last_date), each.old_shares, each.new_shares) for each in actions if not each.cash] == [
        ("2000-06-20", 1, 2),
        ("2005-02-25", 1, 2),
        ("2014-06-06", 1, 7),
        ("2020-08-28", 1, 4),
    ]
    assert {str(each.last_date): str(each.cash) for each in actions}["2013-08-07"] == "3.05"
