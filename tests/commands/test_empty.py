"""An installation in which there is nothing yet: every command that looks says so, in words and in one document."""

from __future__ import annotations

import pytest

from tests.commands.calls import finish

pytestmark = pytest.mark.django_db(transaction=True)

# What it says where there is nothing; of a document as much of it as says so.
SAID: dict[tuple[str, ...], tuple[object, str]] = {
    ("anchor_audit",): ({"anchor": None}, "nothing is new since the last anchor"),
    ("gate", "overrides"): ([], "no exception lives, and none waits"),
    ("gate", "recompute"): ({"same": 0, "differing": []}, "0 verdicts are as they were stored"),
    ("kill_switch", "status"): ([], "nothing is closed"),
    ("list_accounts",): ([], "no accounts"),
    ("list_api_keys",): ([], "no keys"),
    ("list_grants",): ([], "no grants"),
    ("market", "list"): ([], "none yet: manage.py market open"),
    ("purge_history",): ({"accounts": []}, "0 accounts changed"),
    ("rebuild_positions",): ({"accounts": 0, "rebuilt": []}, "0 of 0 accounts were put right"),
    ("revoke_live_connections", "--reason", "r"): ({"disconnected": 0}, "0 disconnected for this reason: "),
    ("rewrap_tokens",): ({"rewrapped": 0, "tokens_by_key": {}}, "0 tokens were wrapped anew under "),
    ("shadow", "status"): ([], "nothing is mirrored"),
    ("verify_audit",): ({"entries": 0, "is_whole": True}, "0 entries in 0 chains, 0 anchors: all whole"),
    ("verify_ledger",): ({"accounts": 0, "differences": []}, "all 0 accounts balance"),
}
# What needs a market is refused where there is none, and names the way to one.
NEEDS_A_MARKET = (("create_account", "--email", "ann@example.com"), ("snapshot",), ("tape", "status"))


def test_where_there_is_nothing_it_is_said(own_files: None) -> None:
    for words, (document, line) in SAID.items():
        shown, told = finish(*words, "--json"), finish(*words)

        assert (shown.code, told.code) == (0, 0), (words, shown.err, told.err)
        found = shown.document
        assert document == ({name: found[name] for name in document} if isinstance(document, dict) else found)
        assert told.out.startswith(line), words


def test_where_there_is_no_market_the_way_to_one_is_named(own_files: None) -> None:
    for words in NEEDS_A_MARKET:
        refused = finish(*words, "--json")

        assert (refused.code, "`manage.py seed`" in refused.document["error"]) == (1, True), words
