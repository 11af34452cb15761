"""What the OpenAPI document says of /raxx/v1/live; a module a resource, as in trading.api.schema.

`raxx.docs` adds them to the document's table, because trading knows nothing of this app.
"""

from __future__ import annotations

from broker_handoff.api.schema import connection, differences, gate, guards, orders

RESOURCES = (connection, orders, differences, guards, gate)
