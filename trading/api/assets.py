"""/v2/assets. Spec of the wire: 1.4, 4.5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.decorators import method_decorator
from django.views.decorators.gzip import gzip_page

from accounts.api.bodies import json_response
from trading import reference
from trading.api import query
from trading.api.base import ApiView
from trading.errors import NotFound
from trading.models import Asset

if TYPE_CHECKING:
    from django.http import HttpResponse
    from rest_framework.request import Request

    from trading.principal import Principal

MAINTENANCE_PERCENT = {True: 30, False: 100}  # of a marginable asset, and of any other


class _AssetsView(ApiView):
    @property
    def _carried(self) -> frozenset[str]:
        return carried_for(self.principal)


@method_decorator(gzip_page, name="dispatch")  # ten thousand assets are five megabytes, or 150 kilobytes
class Assets(_AssetsView):
    """Everything that can be traded; it belongs to nobody. Whether here, is the account's market's to say."""

    def get(self, request: Request) -> HttpResponse:
        """List assets by class, exchange and symbol; every status unless asked otherwise."""
        found = Asset.objects.filter(
            asset_class=query.choice(
                request.GET, "asset_class", Asset.AssetClass.values, Asset.AssetClass.US_EQUITY
            )
        )
        if status := query.choice(request.GET, "status", [*Asset.Status.values, "all", ""], ""):
            found = found if status == "all" else found.filter(status=status)
        if exchange := request.GET.get("exchange"):
            found = found.filter(exchange=exchange) if exchange.isalnum() else found.none()
        if attributes := query.words(request.GET, "attributes"):
            found = found.filter(attributes__overlap=[word for word in attributes if word.isprintable()])
        return json_response([asset_body(asset, self._carried) for asset in found])


class OneAsset(_AssetsView):
    """One asset, by symbol, id or CUSIP."""

    def get(self, _request: Request, name: str) -> HttpResponse:
        """Read it. Raises NotFound."""
        asset = reference.asset_named(name)
        if asset is None:
            raise NotFound(f"asset not found for {name[:64]}")
        return json_response(asset_body(asset, self._carried))


def carried_for(principal: Principal) -> frozenset[str]:
    """Return the symbols that the market of the caller's account carries."""
    return reference.market_terms(principal.market_id).symbols


def asset_body(asset: Asset, carried: frozenset[str]) -> dict[str, Any]:
    """Return an asset as the wire shows it; `carried` are the symbols of the market that it is looked at from."""
    return {
        "id": asset.pk,
        "class": asset.asset_class,
        "exchange": asset.exchange,
        "symbol": asset.symbol,
        "name": asset.name,
        "cusip": asset.cusip or None,
        "status": asset.status,
        "tradable": asset.tradable and asset.suspended_at is None and asset.symbol in carried,
        "marginable": asset.marginable,
        "shortable": asset.shortable,
        "easy_to_borrow": asset.easy_to_borrow,
        "borrow_status": "easy_to_borrow" if asset.easy_to_borrow else "hard_to_borrow",
        "fractionable": asset.fractionable,
        "maintenance_margin_requirement": MAINTENANCE_PERCENT[asset.marginable],
        "margin_requirement_long": str(MAINTENANCE_PERCENT[asset.marginable]),
        "margin_requirement_short": str(MAINTENANCE_PERCENT[asset.marginable]),
        "attributes": asset.attributes,
    }
