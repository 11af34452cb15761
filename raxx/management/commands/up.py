"""`manage.py up`: the whole installation under one supervisor, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from accounts.management.command import OperatorCommand
from raxx import process, programs, welcome
from raxx.bootstrap import bootstrap
from raxx.folder import FolderInUse
from raxx.keeping_up import Running, keep_up, wanted
from raxx.metrics import ended
from raxx.supervisor import GaveUp, Supervisor
from trading.management.market_option import add_description
from trading.services.running_markets import default_market

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from datetime import datetime

READY_PATIENCE_S = 120.0
MARKET_OPTIONS = ("feed", "tape", "date", "symbols", "speed", "paused")


class Command(OperatorCommand):
    """Start PostgreSQL, Valkey and every process of Raxx behind one address, and keep them running."""

    help = "Start everything behind one address, and keep it running until Ctrl-C."
    when = (
        "To try Raxx, to develop against it, and in CI. Started again it finds the data as it was, and ends what an "
        "earlier run has left behind. In production each process is a unit of its own."
    )
    examples = (
        "",
        "--port 8123",
        "--feed replay --tape ~/lean/data --date 2013-10-08 --symbols IBM --paused",
        "--feed alpaca --symbols AAPL,SPY --dry-run",
    )
    exits = {0: "stopped by a signal", 1: "not started, or given up, with the reason on stderr"}
    changes = True
    _is_json = False  # then stdout is for one document, when all is ready
    _advance_to: datetime | None = None  # where a paused tape should stand before the first order
    _running = Running()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options; those of the market are handed on to `seed`."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: 8000)")
        market = parser.add_argument_group("market")
        add_description(market)

    def handle(self, *_: object, **options: Any) -> None:
        """Run until stopped. Raises CommandError with the reason when that is not what was asked."""
        self._is_json = options["json"]
        try:
            with settings.DATA_FOLDER.lock():
                _require_free_port(options["host"], options["port"])
                if options["dry_run"]:
                    self._tell_plan(options)
                    return
                left = process.end(process.leftovers(settings.DATA_FOLDER.root))
                if left:
                    self.say(f"ended {left} processes that an earlier run had left behind")
                ended.forget(settings.METRICS_FOLDER)
                asyncio.run(self._run(options))
        except (FolderInUse, GaveUp) as error:
            raise CommandError(str(error)) from error.__cause__

    def say(self, line: str) -> None:
        """Write a line for the person at the terminal, who may have left."""
        to = self.stderr if self._is_json else self.stdout
        with contextlib.suppress(OSError):
            to.write(line)
            to.flush()

    def _tell_plan(self, options: dict[str, Any]) -> None:
        """Say what would be started, with free port and data folder as they are now."""
        folder, server = settings.DATA_FOLDER, settings.DATABASE_SERVER
        names = [task.name for task in programs.services(folder)]
        names += [task.name for task in programs.engines({}, tuple(names))]
        names += [task.name for task in programs.servers(folder, {}, tuple(names))]
        plan = {
            **self._place(options),
            "database": "embedded" if server.is_embedded else "as DATABASE_URL says",
            "market": {name: options[name] for name in MARKET_OPTIONS if options[name] is not None},
            "processes": [*names, "front"],
        }
        lines = [f"would start {', '.join(plan['processes'])} at {plan['base_url']}, data in {folder.root}"]
        self.tell(plan, lines, as_json=options["json"], is_dry=True)

    @staticmethod
    def _place(options: dict[str, Any]) -> dict[str, Any]:
        folder = settings.DATA_FOLDER
        base_url = f"http://{_name_of(options['host'])}:{options['port']}"
        return {"base_url": base_url, "data_folder": str(folder.root), "demo_file": str(folder.demo_file)}

    async def _run(self, options: dict[str, Any]) -> None:
        folder, host, port = settings.DATA_FOLDER, options["host"], options["port"]
        supervisor = Supervisor(
            folder=folder.root, logs=folder.logs, say=self.say, is_verbose=options["verbosity"] > 1
        )
        with supervisor:
            try:
                await self._start(supervisor, options)
            finally:
                await supervisor.stop()
        self.say(f"stopped; http://{_name_of(host)}:{port} is free, the data stays in {folder.root}")

    async def _start(self, supervisor: Supervisor, options: dict[str, Any]) -> None:
        folder, host, port = settings.DATA_FOLDER, options["host"], options["port"]
        base_url = f"http://{_name_of(host)}:{port}"
        environment = _environment(port)
        folder.keep_origins(environment["RAXX_ORIGINS"])

        services = programs.services(folder)
        names = tuple(task.name for task in services)
        supervisor.start(services)
        if not await supervisor.until_ready(*names):
            return
        prepare = asyncio.get_running_loop().run_in_executor(None, self._prepare, options, base_url)
        if not await supervisor.unless_stopped(prepare):
            return
        supervisor.start(programs.engines(environment, names, **asdict(self._running)))
        supervisor.start(programs.servers(folder, environment, names))
        supervisor.start(programs.front(folder, host, port, environment))
        if not await supervisor.unless_stopped(asyncio.ensure_future(self._until_healthy(host, port))):
            return
        if self._is_json:
            self.tell(self._place(options), as_json=True)
            self.stdout.flush()
        else:
            self.say(welcome.text(base_url, folder, advance_to=self._advance_to))
        await keep_up(supervisor, environment, names, self._running)

    def _prepare(self, options: dict[str, Any], base_url: str) -> None:
        """Make the database's contents be as this code expects; on a thread, as the owner role."""
        try:
            bootstrap(settings.DATABASE_SERVER)
            executor = MigrationExecutor(connections["default"])
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                self.say("migrating")
                call_command("migrate", interactive=False, verbosity=0)
            chosen = {name: options[name] for name in MARKET_OPTIONS if options[name] is not None}
            call_command("seed", base_url=base_url, **chosen)
            self._advance_to = welcome.advance_needed(default_market())
            self._running = wanted()
        finally:
            connections.close_all()

    async def _until_healthy(self, host: str, port: int) -> None:
        """Return when all is ready; what of markets beside the default one is not, does not hold up the others for ever.

        Raises GaveUp after READY_PATIENCE_S.
        """
        missing, beside = await _until_ready(host, port)
        if missing:
            message = f"not ready after {READY_PATIENCE_S:.0f} s: {', '.join(missing)}"
            raise GaveUp(message)
        if beside:
            self.say(
                f"WARNING not ready, and gone on without: {', '.join(beside)}; see {settings.DATA_FOLDER.logs}"
            )


def _environment(port: int) -> dict[str, str]:
    """Return what the children must know beyond our own environment."""
    origins = os.environ.get("RAXX_ORIGINS", "").strip() or f"http://localhost:{port},http://127.0.0.1:{port}"
    return {"PYTHONUNBUFFERED": "1", "RAXX_ORIGINS": origins}


def _name_of(host: str) -> str:
    # A passkey's domain must be a name, and every machine knows this one.
    return "localhost" if host in {"127.0.0.1", "0.0.0.0", "::", "::1", ""} else host  # noqa: S104 - compared, not bound


def _require_free_port(host: str, port: int) -> None:
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        message = f"cannot listen on {host}:{port} ({error.strerror or error}): choose another with --port"
        raise CommandError(message) from None


async def _until_ready(host: str, port: int) -> tuple[list[str], list[str]]:
    """Return what /health/ready, asked through the front, says is missing, and what beside the default market.

    That is nothing as soon as all is there; something after READY_PATIENCE_S.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + READY_PATIENCE_S
    missing = ["front"]
    while True:
        told: dict[str, list[str]] = {}
        try:
            reader, writer = await asyncio.open_connection(_name_of(host), port)
            writer.write(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = (await reader.read()).decode(errors="replace")
            writer.close()
        except OSError:
            answer = ""
        with contextlib.suppress(ValueError):  # the front's own word, while nobody answers behind it
            told = json.loads(answer.rpartition("\r\n")[2])
        missing = [] if answer.startswith("HTTP/1.1 200 ") else told.get("missing", missing)
        beside = told.get("beside", [])
        if not (missing or beside) or loop.time() > deadline:
            return missing, beside
        await asyncio.sleep(0.05)  # between two questions to something that has no event to wait for
