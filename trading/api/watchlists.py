"""/v2/watchlists, by id and by name. Spec of the wire: 1.1, 1.4, 4.5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from django.http import HttpResponse

from accounts.api.bodies import json_response, read_body
from trading.api.assets import asset_body, carried_for
from trading.api.base import ApiView
from trading.errors import NotFound, ValueInvalid
from trading.services.watchlists import (
    NAME_MAX,
    Which,
    add_asset,
    change_watchlist,
    create_watchlist,
    delete_watchlist,
    remove_asset,
    watchlist,
    watchlists,
)
from trading.wire import instant

if TYPE_CHECKING:
    from rest_framework.request import Request

    from trading.models import Watchlist
    from trading.services.watchlists import Listed

NO_CONTENT = 204


class WatchlistBody(msgspec.Struct):
    """POST and PUT of a list."""

    name: str | None = None
    symbols: list[str] | None = None


class SymbolBody(msgspec.Struct):
    """POST of one more symbol."""

    symbol: str | None = None


_list_decoder = msgspec.json.Decoder(WatchlistBody)
_symbol_decoder = msgspec.json.Decoder(SymbolBody)


class _WatchlistsView(ApiView):
    def _whole(self, listed: Listed) -> dict[str, Any]:
        return whole_body(listed, carried_for(self.principal))


class Watchlists(_WatchlistsView):
    """The account's lists."""

    def get(self, _request: Request) -> HttpResponse:
        """List them, oldest first, without their assets."""
        return json_response([list_body(row) for row in watchlists(principal=self.principal)])

    def post(self, request: Request) -> HttpResponse:
        """Make one."""
        body = read_body(request, _list_decoder)
        made = create_watchlist(principal=self.principal, name=body.name, symbols=body.symbols or ())
        return json_response(self._whole(made))


class _OneWatchlist(_WatchlistsView):
    """The verbs of one list, however it is named."""

    def _read(self, which: Which) -> HttpResponse:
        return json_response(self._whole(watchlist(principal=self.principal, which=which)))

    def _change(self, request: Request, which: Which) -> HttpResponse:
        body = read_body(request, _list_decoder)
        changed = change_watchlist(
            principal=self.principal, which=which, name=body.name, symbols=body.symbols
        )
        return json_response(self._whole(changed))

    def _add(self, request: Request, which: Which) -> HttpResponse:
        body = read_body(request, _symbol_decoder)
        return json_response(
            self._whole(add_asset(principal=self.principal, which=which, symbol=body.symbol))
        )

    def _remove(self, which: Which, symbol: str) -> HttpResponse:
        return json_response(self._whole(remove_asset(principal=self.principal, which=which, symbol=symbol)))

    def _delete(self, which: Which) -> HttpResponse:
        delete_watchlist(principal=self.principal, which=which)
        return HttpResponse(status=NO_CONTENT)


class WatchlistById(_OneWatchlist):
    """One list, by its id; what is no id names no list."""

    def get(self, _request: Request, name: str) -> HttpResponse:
        """Read it. Raises NotFound."""
        return self._read(_by_id(name))

    def put(self, request: Request, name: str) -> HttpResponse:
        """Give it another name, other assets, or both."""
        return self._change(request, _by_id(name))

    def post(self, request: Request, name: str) -> HttpResponse:
        """Append an asset."""
        return self._add(request, _by_id(name))

    def delete(self, _request: Request, name: str) -> HttpResponse:
        """Delete it."""
        return self._delete(_by_id(name))


class WatchlistAssetById(_OneWatchlist):
    """One asset of a list."""

    def delete(self, _request: Request, name: str, symbol: str) -> HttpResponse:
        """Take it out of the list."""
        return self._remove(_by_id(name), symbol)


class WatchlistByName(_OneWatchlist):
    """One list, by `?name=`."""

    def get(self, request: Request) -> HttpResponse:
        """Read it. Raises NotFound."""
        return self._read(_by_name(request))

    def put(self, request: Request) -> HttpResponse:
        """Give it another name, other assets, or both."""
        return self._change(request, _by_name(request))

    def post(self, request: Request) -> HttpResponse:
        """Append an asset."""
        return self._add(request, _by_name(request))

    def delete(self, request: Request) -> HttpResponse:
        """Delete it."""
        return self._delete(_by_name(request))


class WatchlistAssetByName(_OneWatchlist):
    """One asset of a list that is named by `?name=`."""

    def delete(self, request: Request, symbol: str) -> HttpResponse:
        """Take it out of the list."""
        return self._remove(_by_name(request), symbol)


def list_body(row: Watchlist) -> dict[str, Any]:
    """Return a list as the wire lists it."""
    return {
        "id": row.pk,
        "account_id": row.account_id,
        "name": row.name,
        "created_at": instant(row.created_at),
        "updated_at": instant(row.updated_at),
    }


def whole_body(listed: Listed, carried: frozenset[str]) -> dict[str, Any]:
    """Return a list as the wire shows it alone; `carried` as of `asset_body`."""
    return {**list_body(listed.watchlist), "assets": [asset_body(asset, carried) for asset in listed.assets]}


def _by_id(text: str) -> Which:
    try:
        return Which(pk=UUID(text))
    except ValueError:
        raise NotFound(f"watchlist not found for {text[:NAME_MAX]}") from None


def _by_name(request: Request) -> Which:
    name = request.GET.get("name", "")
    if not name:
        raise ValueInvalid("watchlist name is required")
    return Which(name=name)
