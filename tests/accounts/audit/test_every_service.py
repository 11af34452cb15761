"""Every service that writes tells the audit log, or stands here with the reason why it need not."""

from __future__ import annotations

from tests.accounts.audit.reach import writers

ORDERS = "an order's log is its events"
FIGURES = "writes down figures that follow from others"
ERASED = "each app lets go by itself, and this one, the last, tells it: erase_some_here"
RUNS = "the record of the installation's own work; about nobody"
LISTS = "moves no money, opens nothing, forbids nothing"
SILENT = {
    "accounts.services.erasures.erase": ERASED,
    "accounts.services.erasures.erase_due": ERASED,
    "accounts.services.erasures.forget_chains": "the database's function tells the system's chain",
    "accounts.services.exports.sweep_exports": "nobody fetched it in time; that it was made was told",
    "accounts.services.sweeping.forget_old": "what is deleted had ended long before, which was told",
    "trading.services.closing.close_all_positions": ORDERS,
    "trading.services.first_steps.keep_first_steps": LISTS,
    "trading.services.history_purge.purge_histories": "folds old detail into opening balances; no balance changes",
    "trading.services.leavers.end_orders_of_leavers": ORDERS,
    "trading.services.markets.store_calendars": "the exchange's days, as they are known to all",
    "trading.services.running_markets.become_default": "a step of opening a market and of make_default, which tell it",
    "trading.services.scheduled_runs.begin_run": RUNS,
    "trading.services.scheduled_runs.end_run": RUNS,
    "trading.services.scheduled_runs.forget_old_runs": RUNS,
    "trading.services.scheduled_runs.note_sweep": RUNS,
    "trading.services.orders.cancel_all_orders": ORDERS,
    "trading.services.orders.cancel_order": ORDERS,
    "trading.services.own_accounts.ask_for_cancels": ORDERS,
    "trading.services.portfolio.portfolio": FIGURES,
    "trading.services.replacing.replace_order": ORDERS,
    "trading.services.snapshots.equity_at_closes": FIGURES,
    "trading.services.snapshots.take_snapshots": FIGURES,
    "trading.services.snapshots.take_due_snapshots": FIGURES,
    "trading.services.watchlists.add_asset": LISTS,
    "trading.services.watchlists.change_watchlist": LISTS,
    "trading.services.watchlists.create_watchlist": LISTS,
    "trading.services.watchlists.delete_watchlist": LISTS,
    "trading.services.watchlists.remove_asset": LISTS,
    "trading.services.webhooks.ask_for_ping": "a test message; nothing is set",
    "trading.webhooks.delivery.forget_old": "the record of attempts is kept for some days only",
}


def test_every_service_that_writes_tells_the_audit_log_or_is_listed_with_its_reason():
    silent = {name for name, tells in writers().items() if not tells}

    assert silent - SILENT.keys() == set(), "tell accounts.services.audit, or say here why not"
    assert SILENT.keys() - silent == set(), "these are gone, or tell by now"


def test_the_search_finds_what_writes_in_each_of_the_ways_there_are():
    assert {
        "trading.services.configuration.configure",  # by the ORM
        "trading.services.own_accounts.settle",  # by a function of the database, called through others
        "trading.services.settling.settle_accounts",  # by another service
        "trading.services.accounts.create_account",
    } <= {name for name, tells in writers().items() if tells}
