"""A daemon whose scripted models can do what their scripts say, and which probes them soon."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hostd.domain.capability import ProbeVerdict
from hostd.domain.profile import Profile
from tests.stage import ENGINE, Stage, make_profile, make_settings, opened, until

QUIET = 0.05
"""Seconds: a moment, which tests need not wait for."""
ALL = ("tools", "forced_tools", "parallel_tools", "json_schema", "thinking", "vision")
NOTHING: tuple[str, ...] = ()
CODER = ("tools_as_text", "forced_tools", "json_schema")
"""What Qwen2.5-Coder does with tools, whatever its template promises."""


def able(name: str, weights: Path, *abilities: str, script: dict[str, Any] | None = None, **more: Any) -> Profile:
    """Return a profile of a model that has these *abilities*."""
    return make_profile(name, weights, {"able": list(abilities), "tokens": 4, **(script or {})}, context=8192, **more)


@asynccontextmanager
async def probing(*profiles: Profile, build: str = "b7-one", quiet: float | None = QUIET) -> AsyncIterator[Stage]:
    """Serve *profiles* by engines of a *build*."""
    settings = replace(make_settings(*profiles), commands={"llamacpp": (*ENGINE, "--build", build)})
    async with opened(settings, probe_after=quiet) as stage:
        yield stage


def verdicts(stage: Stage, model: str) -> dict[str, str]:
    """Return what was found of *model* so far."""
    return {name: str(finding.verdict) for name, finding in stage.app.router.findings.of(model).items()}


async def probed(stage: Stage, *models: str) -> None:
    """Return when *models* are probed to the end."""
    for model in models:
        await until(lambda model=model: "thinking" in verdicts(stage, model))  # type: ignore[misc]  # one model each


def questions_seen(seen: dict[str, Any]) -> int:
    """Return how many of the requests that an engine has *seen* were a probe's, by their seed."""
    return sum('"seed":1' in each["body"].replace(" ", "") for each in seen["requests"])


NO, YES, UNKNOWN = (str(verdict) for verdict in (ProbeVerdict.NO, ProbeVerdict.YES, ProbeVerdict.UNKNOWN))
