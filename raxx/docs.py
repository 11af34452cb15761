"""Our OpenAPI document at `/openapi.json`, and pages for people at `/docs`.

The document is made from the URLs and `trading.api.schema`; the repository keeps a copy, `openapi.json`,
which `make openapi` writes. The pages load nothing from elsewhere, and `raxx.headers` forbids it.
"""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpResponse, HttpResponseNotModified
from django.shortcuts import render

from broker_handoff.api.schema import RESOURCES
from raxx.methods import only_reading
from trading.api.schema import table

if TYPE_CHECKING:
    from django.http import HttpRequest

table.add(*RESOURCES)

COMMITTED = settings.BASE_DIR / "openapi.json"
TAG = "Health"
NOT_MODIFIED = 304


@only_reading
def document(request: HttpRequest) -> HttpResponse:
    """Answer with the document."""
    content, etag = _written()
    if request.META.get("HTTP_IF_NONE_MATCH") == etag:
        return HttpResponseNotModified(headers={"ETag": etag})
    return HttpResponse(
        content, content_type="application/json", headers={"ETag": etag, "Cache-Control": "no-cache"}
    )


@only_reading
def page(request: HttpRequest) -> HttpResponse:
    """Answer with the pages, which read the document."""
    return render(request, "raxx/docs.html")


def text() -> str:
    """Return the document as `openapi.json` has it. Raises Undocumented for a URL without an operation."""
    # Its generator is needed here alone, and takes longer to import than the rest of us.
    from drf_spectacular.generators import SchemaGenerator

    made = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


@cache
def _written() -> tuple[bytes, str]:
    content = text().encode()
    return content, f'"{sha256(content).hexdigest()[:32]}"'


def add_health(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add what the project itself answers (setting POSTPROCESSING_HOOKS)."""
    from trading.api.schema.failures import AWAY, REQUEST_ID
    from trading.api.schema.operation import Operation
    from trading.api.schema.parts import BOOLEAN, OK, STRING, Answer, array, described, one_of, record, ref

    schemas = result["components"]["schemas"]
    schemas["Health"] = record(
        "How this process is.",
        {
            "status": one_of("live"),
            "live_trading": described(BOOLEAN, "Whether this installation has a way to a live broker."),
        },
    )
    beside = described(
        array(STRING),
        "What is missing of markets beside the default one, each with its market's number: `hub:2`, `matcher:3`. "
        "It makes nobody unready.",
    )
    schemas["Ready"] = record(
        "That orders can be served.",
        {
            "status": one_of("ready"),
            "beside": beside,
            "live_trading": described(BOOLEAN, "Whether this installation has a way to a live broker."),
        },
    )
    schemas["NotReady"] = {
        **schemas["Error"],
        "description": "What is missing.",
        "properties": {
            **schemas["Error"]["properties"],
            "missing": described(
                array(STRING),
                "`migrations`, `database`, `valkey`, `market` where none is active, or of the default market `hub` and "
                "`matcher`.",
            ),
            "beside": beside,
            "live_trading": described(BOOLEAN, "Whether this installation has a way to a live broker."),
        },
        "examples": [
            {
                "code": 50310000,
                "message": "not ready: hub",
                "missing": ["hub"],
                "beside": [],
                "live_trading": False,
                "request_id": REQUEST_ID,
            }
        ],
    }
    well = {OK: Answer(description="It is.", schema=ref("Health"))}
    away = {AWAY: Answer(description="It is not.", schema=ref("NotReady"))}
    own = {
        "/health/live": Operation(
            name="isLive", tag=TAG, summary="Ask whether the process lives", answers=well, is_public=True
        ),
        "/health/ready": Operation(
            name="isReady",
            tag=TAG,
            summary="Ask whether orders can be served",
            answers={OK: Answer(description="They can.", schema=ref("Ready")), **away},
            is_public=True,
        ),
        "/openapi.json": Operation(
            name="getDocument",
            tag=TAG,
            summary="Read this document",
            answers={
                OK: Answer(description="The document.", schema={"type": "object"}),
                NOT_MODIFIED: Answer(description="You have it: `If-None-Match` named its `ETag`."),
            },
            is_public=True,
        ),
    }
    for path, operation in own.items():
        result["paths"][path] = {"get": operation.as_openapi()}
    return result
