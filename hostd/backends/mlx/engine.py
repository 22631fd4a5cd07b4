"""MLX: ``mlx_lm.server`` in a Python of its own, behind a launcher of hostd, which gives it what a supervised engine needs.

The Python is found from the command that the owner configured (``mlx_lm.server``, or a Python that has mlx-lm), else from the
``mlx_lm.server`` on PATH, else it is hostd's own. What the launcher adds, `hostd.backends.launchers.mlx_server` tells.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hostd.backends import checkpoint_folder
from hostd.backends.contract import Endpoint, Engine, Launch, ServerFacts
from hostd.backends.developer_role import with_system_role
from hostd.backends.environment import engine_environment
from hostd.backends.http.client import HttpClient
from hostd.backends.mlx import faults, refusals, thinking
from hostd.backends.mlx.command_line import arguments, python_of, server_words, serving
from hostd.backends.mlx.request_fields import FIELDS
from hostd.backends.one_choice import refuse_several
from hostd.backends.thinking import ThinkingWords, by_template
from hostd.domain.errors import RequestError
from hostd.domain.profile import Profile, Variant
from hostd.domain.progress import EngineProgress, SlotProgress
from hostd.domain.reason import ExitClass
from hostd.domain.thinking import ThinkingControl, ThinkingWish
from hostd.planning.warm_set.load_option import LoadOption

LAUNCHERS = Path(__file__).parents[1] / "launchers"


_SLOTS_TIMEOUT = 2.0


class Mlx(Engine):
    """The backend ``mlx``; *command* is what the owner configured, empty for none."""

    name = "mlx"
    fields = FIELDS

    def __init__(self, command: tuple[str, ...] = ()) -> None:
        self._command = command

    def accepts(self, variant: Variant) -> str | None:
        """Return why this host cannot serve *variant*, as a sentence for the owner, or None when it can."""
        return checkpoint_folder.accepts(self.name, variant)

    def check(self, profile: Profile, variant: Variant, option: LoadOption | None) -> None:  # noqa: ARG002
        """Return if a load may begin; raises as `launch` does."""
        python_of(self._command)
        checkpoint_folder.check(checkpoint_folder.locate(variant))
        tuple(arguments(profile))

    def launch(self, profile: Profile, variant: Variant, option: LoadOption | None, port: int, key: str) -> Launch:
        """Return how to start *variant* on loopback *port*, protected by *key*.

        Raises:
            EngineError: mlx-lm is not installed, the folder is no model, or ``args`` holds what hostd decides itself.
        """
        folder = checkpoint_folder.locate(variant)
        size = checkpoint_folder.check(folder)
        # What the plan reserved becomes a hard limit: MLX would otherwise take memory until the machine swaps.
        limit = sum(option.needs.values()) if option is not None else 0
        words = ("--model", str(folder), "--host", "127.0.0.1", "--port", str(port))
        return Launch(
            argv=(
                *(python_of(self._command), "-u", "-m", "mlx_server", "--served-model-name", profile.name),
                *("--memory-limit", str(limit)),
                *(*arguments(profile, option), *words, *server_words(profile.args)),
            ),
            env=engine_environment(os.environ) | _SURROUNDINGS | {"HOSTD_ENGINE_KEY": key},
            endpoint=Endpoint(
                url=f"http://127.0.0.1:{port}", model=profile.name, headers={"Authorization": f"Bearer {key}"}
            ),
            health="/health",
            slots=serving(profile).slots,
            expected_bytes=size,
        )

    def classify(self, status: int, tail: tuple[str, ...]) -> ExitClass:
        """Return what an exit *status* (negative: killed by that signal) and the last log lines mean."""
        return faults.classify(status, tail)

    def refusal(self, message: str) -> RequestError | None:
        """Return the client's mistake that *message* tells of."""
        return refusals.PATTERNS.find(message)

    def think(
        self, endpoint: Endpoint, wish: ThinkingWish, body: Mapping[str, Any], control: ThinkingControl | None
    ) -> ThinkingWords:
        """Return *wish* as mlx-lm's server is told it: it hands variables to the template, and knows nothing else."""
        return super().think(endpoint, wish, body, None) if control is None else by_template(wish, body, control)

    def adapt(self, endpoint: Endpoint, body: Mapping[str, Any]) -> dict[str, Any] | None:  # noqa: ARG002
        """Return a request's *body* as the server takes it, or None when the bytes can go as they are.

        It refuses a field that is null, where OpenAI takes that for one that is not given, and templates do not know the role
        ``developer``, which newer clients use where older ones say ``system``.

        Raises:
            RequestError: Several answers are asked for.
        """
        refuse_several(body)
        messages = with_system_role(body.get("messages"))
        if messages is None and None not in body.values():
            return None
        adapted = {name: value for name, value in body.items() if value is not None}
        return adapted if messages is None else {**adapted, "messages": messages}

    async def progress(self, http: HttpClient, endpoint: Endpoint) -> EngineProgress | None:
        """Return the tokens of each request that the launcher's route reports; None where the generating thread is stuck."""
        found = await _ask(http, endpoint, "/hostd/slots")
        if not isinstance(found, list):
            return None
        return EngineProgress(tuple(SlotProgress(*map(int, counts)) for counts in found if isinstance(counts, list)))

    async def describe(self, http: HttpClient, endpoint: Endpoint) -> ServerFacts:
        """Return what the server at *endpoint* reports about itself, as far as it answers."""
        found = await _ask(http, endpoint, "/hostd/facts")
        if not isinstance(found, dict):
            return ServerFacts()
        told = {name: found.get(name) for name in ("version", "context", "slots", "tools", "vision")}
        control = await thinking.template_control(http, endpoint, found.get("template"))
        return ServerFacts(**told, embeddings=False, models=(endpoint.model,), thinking=control)


_SURROUNDINGS = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    # hostd's launcher is found below this folder, and no module of the folder that hostd was started from.
    "PYTHONPATH": str(LAUNCHERS),
    "PYTHONSAFEPATH": "1",
}
"""Only files on this machine are loaded, and no usage statistics are sent."""


async def _ask(http: HttpClient, endpoint: Endpoint, path: str) -> object:
    return await http.document(endpoint.url + path, endpoint.headers, seconds=_SLOTS_TIMEOUT)
