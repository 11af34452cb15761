"""axe-core's judgement of a page, within its Content-Security-Policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from playwright.sync_api import Page

RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
  ({id, help, nodes}) => `${id}: ${help}: ${nodes.slice(0, 5).map((one) => one.html.slice(0, 160)).join(" | ")}`)"""


def violations_of(page: Page) -> list[str]:
    """Return what axe-core finds wrong with the page as it is, each with the first elements that it names.

    Put in by the debugger and not as an element: the page's own policy refuses those.
    """
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(f"() => {{ {AXE_SCRIPT}\n }}")
    found: list[str] = page.evaluate(RUN)
    return found


def assert_accessible(page: Page) -> None:
    """Have axe-core find nothing wrong with the page as it is."""
    found = violations_of(page)
    assert found == [], "\n".join(found)
