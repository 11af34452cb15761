"""Take the facts of assets from a list: symbols, names, exchanges, what may be done with each. For operators."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction

from accounts.services.audit import record
from matching.market import lean
from matching.market.errors import MarketError
from trading.errors import ValueInvalid
from trading.models import Asset

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

TEXTS = {"name": 200, "exchange": 16, "cusip": 9}  # and how long each may be
CHOICES = {"status": Asset.Status.values, "asset_class": Asset.AssetClass.values}
FLAGS = ("tradable", "marginable", "shortable", "easy_to_borrow", "fractionable")
FIELDS = (*TEXTS, *CHOICES, *FLAGS, "attributes")
WIRE_NAMES = {"class": "asset_class"}  # as Alpaca's answers say it
WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
LEAN_EXCHANGES = {"N": "NYSE", "P": "ARCA", "A": "AMEX", "Q": "NASDAQ", "T": "NASDAQ", "Z": "BATS"}
SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9./-]{0,31}", re.ASCII)
AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A known asset that the list tells otherwise: by field what was and what is."""

    symbol: str
    fields: dict[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a list made, changed, and told as it was already known."""

    added: tuple[str, ...]
    changed: tuple[Changed, ...]
    same: int


def read_list(path: Path) -> list[dict[str, Any]]:
    """Return the facts of a CSV with a header, of a JSON list as `/v2/assets` answers it, or of a LEAN folder.

    Columns that are not ours are left out, and so is what a list does not tell. Raises ValueInvalid with the place.
    """
    if path.is_dir():
        if not lean.is_lean(path):
            raise ValueInvalid(f"{path} is not a LEAN folder: it has no equity/usa")
        return [_of_lean(path, symbol) for symbol in lean.symbols_in(path)]
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = json.loads(text) if path.suffix.lower() == ".json" else list(csv.DictReader(text.splitlines()))
    except OSError as error:
        raise ValueInvalid(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, csv.Error) as error:
        raise ValueInvalid(f"{path}: {error}") from None
    return facts_of(rows, str(path))


def facts_of(rows: Any, source: str) -> list[dict[str, Any]]:
    """Return the facts of a list of rows by our names, or by Alpaca's. Raises ValueInvalid with source and place."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueInvalid(f"{source} is not a list of assets")
    found: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(rows, start=1):
        try:
            facts = _facts(row)
        except ValueError as error:
            raise ValueInvalid(f"{source}, asset {number}: {error}") from None
        if facts["symbol"] in found:
            raise ValueInvalid(f"{source}, asset {number}: {facts['symbol']} was told before")
        found[facts["symbol"]] = facts
    return list(found.values())


@transaction.atomic(durable=True)
def import_assets(facts: Iterable[Mapping[str, Any]], *, is_trial: bool = False) -> Imported:
    """Add the assets that are not known, and let the known ones be as they are told; others stay as they are.

    All of it or nothing; a trial keeps nothing. Web processes know of it within `reference.KEPT_S`.
    """
    told = {each["symbol"]: each for each in facts}
    locked = Asset.objects.filter(symbol__in=told).order_by("pk").select_for_update(of=("self",), no_key=True)
    known = {asset.symbol: asset for asset in locked}
    added = [Asset(**told[symbol]) for symbol in sorted(told.keys() - known.keys())]
    changed = []
    for symbol, asset in sorted(known.items()):
        differing = {
            name: (getattr(asset, name), value)
            for name, value in told[symbol].items()
            if getattr(asset, name) != value
        }
        if differing:
            changed.append(Changed(symbol=symbol, fields=differing))
            for name, (_, value) in differing.items():
                setattr(asset, name, value)
    Asset.objects.bulk_create(added, batch_size=AT_ONCE)
    Asset.objects.bulk_update([known[each.symbol] for each in changed], FIELDS, batch_size=AT_ONCE)
    if added or changed:
        # The symbols would be thousands: who wants them has the list.
        record(
            action="assets.imported",
            user_id=None,
            after={"added": len(added), "changed": len(changed)},
        )
    transaction.set_rollback(is_trial)
    return Imported(
        added=tuple(asset.symbol for asset in added),
        changed=tuple(changed),
        same=len(known) - len(changed),
    )


def _facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row tells, in our types. Raises ValueError."""
    ours = {WIRE_NAMES.get(name, name): value for name, value in row.items() if name is not None}
    symbol = str(ours.get("symbol") or "").strip().upper()
    if not SYMBOL.fullmatch(symbol):
        raise ValueError(f"{symbol!r} is not a symbol")
    facts: dict[str, Any] = {"symbol": symbol}
    for name in FIELDS:
        value = ours.get(name)
        if value is None or value == "":
            continue
        facts[name] = _value(name, value)
    return facts


def _value(name: str, value: Any) -> Any:
    if name in FLAGS:
        flag = value if isinstance(value, bool) else WORDS.get(str(value).strip().lower())
        if flag is None:
            raise ValueError(f"{name} {value!r} is neither true nor false")
        return flag
    if name == "attributes":
        return [str(word) for word in (value.split() if isinstance(value, str) else value)]
    text = str(value).strip()
    if name in CHOICES and text not in CHOICES[name]:
        raise ValueError(f"{name} {text!r} is not one of {', '.join(CHOICES[name])}")
    if len(text) > TEXTS.get(name, len(text)):
        raise ValueError(f"{name} has {len(text)} characters, and may have {TEXTS[name]}")
    return text


def _of_lean(folder: Path, symbol: str) -> dict[str, Any]:
    """Return what a LEAN folder tells of a symbol: the exchange that lists it last, where a map file says so."""
    try:
        letter = lean.listed_last(folder, symbol)
    except MarketError as error:
        raise ValueInvalid(str(error)) from None
    exchange = LEAN_EXCHANGES.get(letter or "")
    return {"symbol": symbol, **({"exchange": exchange} if exchange else {})}
