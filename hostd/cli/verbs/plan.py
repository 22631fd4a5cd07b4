"""``hostd plan``: what fits, before anything is downloaded or loaded, and what to change where it does not."""

from enum import StrEnum
from typing import Annotated

import typer

from hostd.cli.options import AnyHost, AsJson, Url, daemon_memory, find_machine
from hostd.cli.output import emit, say

AFTER_EVICTING, DOES_NOT_FIT, CANNOT_SAY = 10, 11, 12
MOST = 2**31 - 1
_EXITS = {"fits": 0, "fits_after_evicting": AFTER_EVICTING, "does_not_fit": DOES_NOT_FIT, "cannot_say": CANNOT_SAY}


class FlashOption(StrEnum):
    """Whether flash attention is used."""

    ON = "on"
    OFF = "off"
    AUTO = "auto"


class EngineOption(StrEnum):
    """The engines that a plan can be made for."""

    LLAMACPP = "llamacpp"
    OLLAMA = "ollama"
    VLLM = "vllm"
    MLX = "mlx"


Models = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MODEL|FILE|hf:REPO[/FILE]|ollama:TAG|size:N/QUANT]...",
        help="What to plan for (size:72B/q4_k_m: any model of that size); all declared profiles when left out.",
        show_default=False,
    ),
]
Context = Annotated[
    int | None,
    typer.Option("--ctx", min=0, max=MOST, metavar="N", help="Tokens of context, all slots together; 0: as trained."),
]
Slots = Annotated[int | None, typer.Option("--slots", min=1, max=MOST, metavar="N", help="Sequences decoded together.")]
KvType = Annotated[
    str | None, typer.Option("--kv-type", metavar="T", help="Type of the KV cache: f16, q8_0, or K,V as in q8_0,f16.")
]
FlashAttention = Annotated[FlashOption | None, typer.Option("--flash-attn", help="Flash attention.")]
Ubatch = Annotated[
    int | None, typer.Option("--ubatch", min=1, max=MOST, metavar="N", help="Tokens of a physical batch.")
]
Unified = Annotated[bool | None, typer.Option("--kv-unified/--no-kv-unified", help="Whether slots share one KV cache.")]
Backend = Annotated[EngineOption | None, typer.Option("--backend", help="The engine to plan for.")]


def plan(  # noqa: PLR0913 - a command line's options are its contract
    models: Models = None,
    *,
    ctx: Context = None,
    slots: Slots = None,
    kv_type: KvType = None,
    flash_attn: FlashAttention = None,
    ubatch: Ubatch = None,
    kv_unified: Unified = None,
    backend: Backend = None,
    host: AnyHost = None,
    json: AsJson = False,
    url: Url = None,
) -> None:
    """Tell what fits, and what to change where it does not.

    Where a daemon runs, it is planned with the memory that the daemon counts with, beside the models that it has loaded, and by the
    rule by which it evicts. The exit code is 0 if everything fits, 10 if models must be evicted for it, 11 if something does not
    fit, 12 if that cannot be said of something.
    """
    from hostd.cli import plan_report  # the parsers and planners cost 0.2 s, which other verbs do without
    from hostd.cli.measured_footprints import measured_here
    from hostd.cli.shipped_profiles import with_shipped
    from hostd.config.load import load
    from hostd.sizing.candidates import PlanOptions
    from hostd.sizing.plan import Planner

    settings, shipped = with_shipped(load(), models or ())
    # Another host than this one has no daemon: --host plans for it when nothing is loaded.
    daemon = daemon_memory(url) if host is None else None
    machine = daemon.host if daemon else find_machine(host, settings.reserve)
    if daemon:
        say("planned with the memory of the daemon that runs here, and beside the models that it has loaded")
    asked = PlanOptions(
        ctx, slots, kv_type, flash_attn and flash_attn.value, ubatch, kv_unified, backend and backend.value
    )
    planned = Planner(settings, machine, asked, here=host is None, daemon=daemon, measured=measured_here()).plan(models)
    fits = planned.joint.fits
    rows = [plan_report.report(each, fits.get(each.name), machine) for each in planned.candidates]
    if json:
        emit({"models": rows, "warm_set": list(planned.joint.warm), "proved_optimal": planned.joint.proved})
    else:
        plan_report.show(rows, planned.joint)
    # The table is what was asked for; what explains it comes after it.
    undeclared = [f"planned with the profiles that ship with hostd, since none is declared for {', '.join(shipped)}"]
    for sentence in sorted((*machine.troubles, *planned.notes, *(undeclared if shipped else ())), key=len):
        say(sentence)
    raise typer.Exit(max(_EXITS[row["verdict"]] for row in rows))
