"""How a page looks: whole, accessible and within its width, on a phone in the dark and on a desk by day.

With RAXX_SCREENSHOTS naming a folder, pictures in both widths and both schemes are written there (`make screenshots`).
"""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import TimeoutError  # noqa: A004 - the browser's own

from tests.browser.axe import violations_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCREENSHOTS = os.environ.get("RAXX_SCREENSHOTS")
WIDTHS, SCHEMES = (390, 1280), ("light", "dark")
JUDGED = ((390, "dark"), (1280, "light"))
HEIGHT = 800
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
SETTLES_MS = 2_000  # a chart is drawn anew when it has heard of its new width


def look_at(page: Page, name: str) -> list[str]:
    """Return what is wrong with the page at hand, and take its pictures; the browser's width is then as it was."""
    before = page.viewport_size
    faults: list[str] = []
    for width, scheme in product(WIDTHS, SCHEMES) if SCREENSHOTS else JUDGED:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # one of the two words
        try:
            page.wait_for_function(FITS, timeout=SETTLES_MS)
        except TimeoutError:
            faults.append(f"{name} is wider than {width} px")
        faults += [f"{name}, {width} px, {scheme}: {violation}" for violation in violations_of(page)]
        if SCREENSHOTS:
            page.screenshot(path=Path(SCREENSHOTS) / f"{name}-{width}-{scheme}.png", full_page=True)
    faults += [] if page.locator("h1:visible").count() == 1 else [f"{name} has not one heading"]
    if before is not None:
        page.set_viewport_size(before)
    return faults
