"""A simulation profile in words: what each of its settings does to an order."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _, gettext_lazy

from matching.engine.types import Model
from trading.models.profile import PARTS
from trading.templatetags.figures import quantity

if TYPE_CHECKING:
    from trading.models import SimulationProfile

MODELS = {
    Model.DISPLAYED.value: gettext_lazy(
        "Orders meet only the size that the market shows, once; an order that waits stands behind the size that was"
        " there before it."
    ),
    Model.INSTANT.value: gettext_lazy(
        "An order that can fill at once fills whole at the shown price, however large it is; nobody queues."
    ),
    Model.BARS.value: gettext_lazy(
        "For markets that are known by the minute: an order takes its share of what was traded in each bar."
    ),
}
TITLES = {  # ours, from the strict to the easy
    "conservative": gettext_lazy("Conservative"),
    "mid": gettext_lazy("Mid"),
    "aggressive": gettext_lazy("Aggressive"),
    "displayed": gettext_lazy("Displayed size"),
    "instant": gettext_lazy("Instant"),
    "bars": gettext_lazy("Bars"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: its name, how it is set here, and what that does. `is_off` is a setting that does nothing."""

    name: str
    value: str
    words: str
    is_off: bool


def title_of(profile: SimulationProfile) -> str:
    """Return a profile's name as people read it: our own by their words, an operator's as it was given."""
    return str(TITLES.get(profile.name, profile.name))


def model_words(profile: SimulationProfile) -> str:
    """Return how orders fill by its model."""
    return str(MODELS[profile.model])


def settings_of(profile: SimulationProfile) -> list[Setting]:
    """Return each setting of a profile, also those that are off: what is not simulated is worth knowing."""
    told = [
        Setting(
            name=_("Latency"),
            value=_("%(ms)s ms") % {"ms": profile.latency_ms},
            words=_("So long after it was accepted an order meets the market. Prices may move in between."),
            is_off=not profile.latency_ms,
        ),
        Setting(
            name=_("Slippage"),
            value=_("%(bps)s bps") % {"bps": profile.slippage_bps},
            words=_(
                "An order that fills at once gets a price so much worse than the shown one, never beyond its limit."
                " 1 bps is a hundredth of one percent."
            ),
            is_off=not profile.slippage_bps,
        ),
        Setting(
            name=_("Commission"),
            value=_("$%(dollars)s a share") % {"dollars": quantity(profile.commission)},
            words=_("Taken from the account's cash with each fill."),
            is_off=not profile.commission,
        ),
        Setting(
            name=_("Rejections by chance"),
            value=_share(profile.reject_rate),
            words=_("So many orders are rejected without a reason, as a venue sometimes does."),
            is_off=not profile.reject_rate,
        ),
        Setting(
            name=_("Partial fills by chance"),
            value=_share(profile.partial_rate),
            words=_("So many fills give less than the market had, and the rest goes on waiting."),
            is_off=not profile.partial_rate,
        ),
    ]
    if profile.model == Model.BARS.value:
        told.insert(
            0,
            Setting(
                name=_("Participation"),
                value=_share(profile.participation),
                words=_("The share of a bar's volume that one order may take."),
                is_off=False,
            ),
        )
    return told


def _share(parts: int) -> str:
    """Return a rate, in parts of 10,000, as percent."""
    return f"{quantity(Decimal(parts * 100) / PARTS)} %"
