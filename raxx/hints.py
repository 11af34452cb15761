"""How an operator starts what does not answer: here everything, by `make run`; in production a server or a unit of their own."""

from __future__ import annotations

from django.conf import settings

RUN = "`make run`"
# In deploy/systemd.
UNITS = {
    "hub": "raxx-hub@N",
    "matcher": "raxx-matcher@N",
    "worker": "raxx-worker",
    "worker and beat": "raxx-worker raxx-beat",
}


def start(process: str, *, number: object = "N") -> str:
    """Return how a process of ours is started, and where its words are; `number` is its unit's, where it has one."""
    if settings.IS_PRODUCTION:
        unit = UNITS[process].replace("@N", f"@{number}")
        return f"`systemctl restart {unit}`; `journalctl -u` of it says why it ended"
    return f"start it: {RUN}, or the process of that name ({process})"


def start_postgres() -> str:
    """Return how PostgreSQL comes back, or is found."""
    return _server("PostgreSQL", "DATABASE_URL", is_ours=settings.DATABASE_SERVER.is_embedded)


def start_valkey() -> str:
    """Return how Valkey comes back, or is found."""
    return _server("Valkey", "VALKEY_URL", is_ours=not settings.VALKEY_URL)


def _server(name: str, variable: str, *, is_ours: bool) -> str:
    if settings.IS_PRODUCTION:
        return f"see that {name} runs and that {variable} leads to it: deploy/runbook.md"
    return f"start Raxx: {RUN}; or mend {variable}" if is_ours else f"start it, or mend {variable}"
