"""The routes by which the owner asks what a model would take; `hostd plan` finds it out, as a program of its own.

Parsers and planners would hold up every request for a second, and take memory that a daemon does without. The program reads the
owner's files, and what is declared there; a file that a request names is never opened.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web

import hostd
from hostd.domain.errors import CapacityError, RequestError, UnknownModel
from hostd.domain.host import Reserve
from hostd.gateway.context import AdminServices, RequestContext, Route
from hostd.gateway.http.listeners import base_url
from hostd.gateway.http.origin_check import shown
from hostd.gateway.query_values import count
from hostd.hardware.inventory import inventory
from hostd.hardware.simulated import PRESETS, preset
from hostd.programs import PIPE, start_program

HUBS = ("hf:", "ollama:", "size:")
"""How names begin that are none of a file on this machine."""

_PLANNED = (0, 10, 11, 12)
"""Exit codes of a plan that was made, whatever it says."""
_AT_ONCE, _WAITING = 1, 8
_PATIENCE = 60.0
"""Seconds; a header from a hub may take some."""
_LONGEST = 300
_AS_DECLARED = -1


class PlanHandlers:
    """Has plans made, one after another."""

    def __init__(self, services: AdminServices) -> None:
        self._services = services
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._asked = 0

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [("GET", "/hostd/v1/presets", self.presets), ("POST", "/hostd/v1/plan/{name}", self.plan_model)]

    async def presets(self, _ctx: RequestContext) -> web.Response:
        """Show the machines that can be planned for beside this one."""
        machines = ((name, inventory(preset(name, Reserve()))) for name in PRESETS)
        return web.json_response({"presets": [{"name": name} | machine for name, machine in machines]})

    async def plan_model(self, ctx: RequestContext) -> web.Response:
        """Plan for a declared model, or one that is named by ``hf:``, ``ollama:`` or ``size:``, as ``hostd plan --json`` does.

        ``ctx``, ``slots``, ``kv_type`` and ``host`` are its options; without ``host``, the plan is for this machine beside what is
        loaded. ``notes`` are the sentences that it prints besides.
        """
        query = ctx.request.query
        numbers = {"--ctx": count(query, "ctx", _AS_DECLARED), "--slots": count(query, "slots", _AS_DECLARED)}
        options = [each for name, number in numbers.items() if number != _AS_DECLARED for each in (name, str(number))]
        if kv_type := query.get("kv_type"):
            options.append(f"--kv-type={kv_type[:_LONGEST]}")
        if host := query.get("host"):
            options.append(f"--host={_preset(host)}")
        argv = [*options, "--", self._name(ctx.name)]
        if self._asked >= _WAITING:
            raise CapacityError(f"{self._asked} plans are being made already", code="too_many_plans", retry_after=5.0)
        self._asked += 1
        try:
            async with self._turn:
                planned = await _printed_by(self._argv(argv), self._environment())
        except OSError as error:
            why = f"the plan was not made: {error}"
            raise RequestError(why, code="cannot_plan", status=HTTPStatus.BAD_GATEWAY) from error
        finally:
            self._asked -= 1
        return web.json_response(_plan(*planned))

    def _argv(self, options: list[str]) -> list[str]:
        return [
            sys.executable,
            "-m",
            "hostd",
            "plan",
            "--json",
            "--url",
            base_url(self._services.addresses[0]),
            *options,
        ]

    def _environment(self) -> dict[str, str]:
        """Return this daemon's own: the program is hostd itself, and reads the same files by the same variables."""
        own = {"PYTHONPATH": str(Path(hostd.__file__).parents[1]), "PYTHONSAFEPATH": "1", "NO_COLOR": "1"}
        source = self._services.catalog.settings.source
        return dict(os.environ) | own | ({} if source is None else {"HOSTD_CONFIG": source})

    def _name(self, given: str) -> str:
        """Return the name that a plan is for.

        Raises:
            RequestError: It is none of a declared model's, and not of a hub's.
        """
        if given.startswith(HUBS) and len(given) <= _LONGEST:
            return given
        try:
            return self._services.router.resolve(given)
        except UnknownModel as error:
            raise RequestError(
                f"{error.message}. A model that is not declared is named by {', '.join(HUBS)}, such as "
                "hf:unsloth/Qwen3.5-9B-GGUF/Qwen3.5-9B-Q4_K_M.gguf",
                code="model_not_found",
                status=404,
            ) from error


def _preset(name: str) -> str:
    """Return *name*.

    Raises:
        RequestError: No machine has it; a file that describes one is not read.
    """
    if name not in PRESETS:
        raise RequestError(f"host={shown(name)}: write one of {', '.join(PRESETS)}", code="bad_request", param="host")
    return name


async def _printed_by(argv: list[str], env: Mapping[str, str]) -> tuple[int, bytes, bytes]:
    """Return the exit status of *argv* and what it has printed on both outputs; it ends with who waits for it.

    Raises:
        OSError: It cannot be started, or takes too long.
    """
    program = await asyncio.to_thread(start_program, argv, env, stdout=PIPE, stderr=PIPE)
    reading = asyncio.ensure_future(asyncio.to_thread(program.communicate))
    try:
        async with asyncio.timeout(_PATIENCE):
            out, err = await asyncio.shield(reading)
    except TimeoutError:
        raise TimeoutError(f"it took more than {_PATIENCE:.0f} s") from None
    finally:
        # The thread ends with the program: a planner that asks anew with each step of a slider must not take all of them.
        if program.poll() is None:
            program.kill()
    return program.returncode, out, err


def _plan(code: int, out: bytes, err: bytes) -> dict[str, Any]:
    """Return what the program has printed.

    Raises:
        RequestError: It has made no plan, and said why.
    """
    said = [each.strip() for each in f"\n{err.decode(errors='replace')}".split("\nhostd: ") if each.strip()]
    if code not in _PLANNED:
        raise RequestError(said[-1] if said else f"hostd plan ended with status {code}", code="cannot_plan")
    plan: dict[str, Any] = json.loads(out)
    return plan | {"notes": said}
