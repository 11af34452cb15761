"""The web process with failpoints: `granian --interface wsgi tests.faults.armed_web:application`.

A request says with the header `Die` where the process shall kill itself: at a point of the statement that
stores the order, or `unanswered`, when everything is done but the answer is not sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raxx.wsgi import application as real_application
from tests.faults import failpoints

if TYPE_CHECKING:
    from collections.abc import Iterable

UNANSWERED = "unanswered"


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Serve one request, or die of it."""
    point = environ.get("HTTP_DIE", "")
    if point in failpoints.POINTS:
        failpoints.arm_submission(point)
    answer: Iterable[bytes] = real_application(environ, start_response)
    if point == UNANSWERED:
        failpoints.die()
    return answer
