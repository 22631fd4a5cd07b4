"""The host that a replay simulates: the declared models that fit on it, as fast as they are known to be."""

from collections.abc import Sequence
from dataclasses import replace

from hostd.cli.exits import Code, VerbError
from hostd.cli.output import say
from hostd.domain.host import Host
from hostd.domain.profile import Profile
from hostd.models.errors import ModelUnreadable
from hostd.models.locations import this_machine
from hostd.paths import records_file
from hostd.planning.footprint.decode_speed import active_bytes
from hostd.planning.warm_set.load_option import LoadOption
from hostd.simulation.host_model import SimulatedHost, SimulatedModel, SimulatedSpeed
from hostd.simulation.speed import estimate
from hostd.sizing.header_cache import HeaderCache
from hostd.sizing.load_options import LoadOptionFinder
from hostd.sizing.serving_modes import ENGINES, ServingModeFactory
from hostd.telemetry.history import MeasuredSpeed as Measured
from hostd.telemetry.history import RequestHistory


def simulated_host(profiles: Sequence[Profile], host: Host, *, here: bool) -> SimulatedHost:
    """Return *host*, idle, with those of *profiles* that fit there; *here* it is this one, whose records count.

    Each model is loaded with the best of its variants that fits.
    """
    history = RequestHistory(records_file())
    loads = history.load_seconds() if here else {}
    speeds = history.speeds() if here else {}
    places = replace(this_machine(), offline=True)
    finder = LoadOptionFinder(places, load_seconds=lambda model, label: loads.get((model, label)))
    modes = ServingModeFactory(host, HeaderCache(places).open)
    models = {}
    for profile in profiles:
        found = finder.find(profile, host)
        options = () if found.why_not else found.options
        best = tuple(each for each in options if each.needs and each.variant == options[0].variant)
        if best:
            read = _read(modes, profile, best[0])
            estimated = tuple(_speed(estimate(read, each, host.pools), speeds.get(profile.name)) for each in best)
            models[profile.name] = SimulatedModel(profile, best, estimated)
    # A replay starts on an idle host: what other programs hold right now is not part of the question.
    idle = tuple(replace(pool, free=max(pool.free, pool.budget)) for pool in host.pools)
    return SimulatedHost(idle, models)


def pick(host: SimulatedHost, names: Sequence[str]) -> SimulatedHost:
    """Return *host* with the models of these names alone.

    Raises:
        VerbError: One of them is not there (exit code 5).
    """
    if missing := [name for name in names if name not in host.models]:
        raise VerbError(
            f"{', '.join(map(repr, missing))} is not declared or does not fit on this machine; "
            f"there are {', '.join(host.models) or 'none'}",
            Code.UNKNOWN_MODEL,
        )
    return host.only(names)


def _read(modes: ServingModeFactory, profile: Profile, option: LoadOption) -> int:
    """Return the bytes read for each token, from the model's header where there is one, else all the bytes it takes."""
    variant = profile.variants[option.variant]
    if variant.backend in ENGINES:
        try:
            header, _ = modes.declared(profile, variant)
            return active_bytes(header.shape)
        except ModelUnreadable as error:
            say(f"'{profile.name}': its speed is estimated from its size: {error.message}")
    return max(1, sum(option.needs.values()))


def _speed(guess: SimulatedSpeed, measured: Measured | None) -> SimulatedSpeed:
    if measured is None:
        return guess
    return SimulatedSpeed(measured.prompt or guess.prompt, measured.output or guess.output)
