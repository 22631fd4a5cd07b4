"""Run the agents that are installed, or those that are named, and print a table of what came of it; ``--json`` for programs."""

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.journeys.agents.programs import PROGRAMS
from tests.journeys.agents.runner import AgentRun, is_installed, run_agent
from tests.journeys.agents.scripted_host import scripted_host


def runs(names: list[str], folder: Path) -> list[AgentRun]:
    """Run the agents *names* one after the other, each in a folder of its own below *folder*."""
    with scripted_host(folder) as host:
        return [run_agent(name, host.url, folder / name) for name in names]


def main(arguments: list[str]) -> int:
    """Return 1 where an agent failed."""
    names = [word for word in arguments if word != "--json"] or [name for name in PROGRAMS if is_installed(name)]
    with tempfile.TemporaryDirectory(prefix="agents-") as folder:
        done = runs(names, Path(folder))
    if "--json" in arguments:
        sys.stdout.write(json.dumps([asdict(run) for run in done], indent=2) + "\n")
    else:
        for run in done:
            routes = ", ".join(f"{route} ({count})" for route, count in run.routes.items())
            outcome = "passed" if run.passed else "FAILED"
            sys.stdout.write(f"{run.name:10}{run.version:10}{outcome:8}{run.seconds:7.1f} s  {routes}  {run.why}\n")
    return int(not all(run.passed for run in done))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
