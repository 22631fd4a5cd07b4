"""The variant that is served is the one that was decided on, or else the best that can be launched."""

from dataclasses import dataclass, field, replace

import pytest

from hostd.backends.contract import Attachment, Backend, Endpoint, Engine, Launch
from hostd.domain.errors import EngineError
from hostd.domain.principal import Privacy
from hostd.domain.profile import EngineSettings, Profile, Variant
from hostd.domain.reason import ExitClass
from hostd.domain.secret import Secret
from hostd.planning.warm_set.load_option import LoadOption
from hostd.sizing.variants import BoundVariant
from hostd.supervisor.launch import PreparedAttachment, PreparedLaunch, as_owner_says, prepare


@dataclass
class Shelf(Engine):
    """A backend that has the files named in *files*, and notes what it was asked to launch."""

    files: tuple[str, ...]
    name: str = "llamacpp"
    launched: list[tuple[str, LoadOption | None, int, str]] = field(default_factory=list)

    def accepts(self, variant: Variant) -> str | None:
        """Accept files only."""
        return None if variant.path else "it names no file"

    def launch(self, profile: Profile, variant: Variant, option: LoadOption | None, port: int, key: str) -> Launch:
        """Launch what is there."""
        self.launched.append((variant.label, option, port, key))
        if variant.path not in self.files:
            raise EngineError(f"there is no file {variant.path}", exit_class=ExitClass.MISSING_FILE)
        return Launch(("engine",), {}, Endpoint(f"http://127.0.0.1:{port}", profile.name), "/health", 1)


class Remote(Backend):
    """A backend for servers that run already."""

    name = "remote"

    def accepts(self, variant: Variant) -> str | None:  # noqa: ARG002 - the contract's signature
        """Accept everything."""
        return None

    def attach(self, profile: Profile, variant: Variant) -> Attachment:
        """Attach to what the url names."""
        return Attachment(Endpoint(str(variant.url), profile.name), "/health", profile.slots)


PROFILE = Profile("alpha", tuple(Variant("llamacpp", path=name) for name in ("best", "good", "small")))


def options(models_found: Shelf, *variants: Variant) -> list[BoundVariant]:
    """Return what a host with *models_found* alone can do."""
    return [BoundVariant.of(variant, {"llamacpp": models_found}) for variant in variants or PROFILE.variants]


def test_an_option_knows_why_it_is_none() -> None:
    """A backend that does not exist and one that refuses are both explained."""
    models_found = Shelf(())
    found = options(
        models_found, Variant("llamacpp", path="best"), Variant("llamacpp"), Variant("vllm", hf="org/model")
    )
    assert [models_found, models_found, None] == [option.backend for option in found]
    assert [None, "it names no file", "backend 'vllm' is not implemented here"] == [option.why_not for option in found]


async def test_without_a_decision_the_best_that_is_there_is_launched() -> None:
    """One whose file is missing gives way to the next; each try has a port and a key of its own."""
    models_found = Shelf(("good", "small"))
    prepared = await prepare(PROFILE, options(models_found), None)
    assert ("llamacpp:good", None, models_found) == (prepared.variant.label, prepared.option, prepared.backend)
    assert ["llamacpp:best", "llamacpp:good"] == [label for label, *_ in models_found.launched]
    assert 2 == len({(port, key) for _, _, port, key in models_found.launched})


async def test_a_decision_is_followed() -> None:
    """What was planned for is launched and handed on, and nothing else: memory was promised for it alone."""
    models_found, option = Shelf(("best",)), LoadOption(0, "best")
    prepared = await prepare(PROFILE, options(models_found), option)
    assert ("llamacpp:best", option) == (prepared.variant.label, prepared.option)
    assert option is models_found.launched[0][1]
    with pytest.raises(EngineError, match="there is no file small"):
        await prepare(PROFILE, options(models_found), LoadOption(2, "small"))


async def test_without_any_the_best_is_explained() -> None:
    """Of each variant it is told what is in its way."""
    with pytest.raises(EngineError, match="best: there is no file best; llamacpp:good: there is no file good"):
        await prepare(PROFILE, options(Shelf(())), None)
    profile = replace(PROFILE, variants=(Variant("vllm", hf="org/model"), Variant("llamacpp")))
    with pytest.raises(EngineError, match="not implemented here; llamacpp:: it names no file") as caught:
        await prepare(profile, options(Shelf(()), *profile.variants), None)
    assert ExitClass.MISSING_FILE is caught.value.exit_class


async def test_a_url_is_attached_to_and_anything_else_started() -> None:
    """Which of the two happens is said by the variant; a backend that cannot do it says so."""
    there, here = Variant("remote", url="http://127.0.0.1:1"), Variant("llamacpp", path="best")
    found = Remote(), Shelf(("best",))
    variants = [BoundVariant(there, found[0]), BoundVariant(here, found[1])]
    attached, launched = [await prepare(PROFILE, variants, LoadOption(number, "")) for number in (0, 1)]
    assert isinstance(attached, PreparedAttachment)
    assert ("http://127.0.0.1:1", found[0]) == (attached.launch.endpoint.url, attached.backend)
    assert isinstance(launched, PreparedLaunch)
    wrong = [BoundVariant(replace(here, url="http://127.0.0.1:1"), found[1]), BoundVariant(Variant("remote"), found[0])]
    with pytest.raises(EngineError, match="starts its own engine and cannot use one at a url") as caught:
        await prepare(PROFILE, wrong, LoadOption(0, ""))
    assert ExitClass.BAD_FLAG is caught.value.exit_class
    with pytest.raises(EngineError, match="backend 'remote' starts no engine; give the variant the url"):
        await prepare(PROFILE, wrong, LoadOption(1, ""))


async def test_no_private_profile_is_launched_elsewhere() -> None:
    """Whatever a backend makes of a variant: the address that prompts would go to decides."""

    class Far(Shelf):
        """A backend of another package, whose server is on another machine."""

        def launch(self, profile: Profile, variant: Variant, option: LoadOption | None, port: int, key: str) -> Launch:
            """Launch nothing."""
            near = super().launch(profile, variant, option, port, key)
            return replace(near, endpoint=replace(near.endpoint, url="http://10.0.0.9:1"))

    far = options(Far(("best",)), PROFILE.variants[0])
    assert "http://10.0.0.9:1" == (await prepare(PROFILE, far, None)).launch.endpoint.url
    with pytest.raises(EngineError, match=r"'alpha' is private .* http://10\.0\.0\.9:1 is not on this machine"):
        await prepare(replace(PROFILE, privacy=Privacy.LOCAL), far, None)


def test_the_owner_adds_variables_and_sets_the_grace() -> None:
    """A profile's before its backend's, and both before the engine's own; hostd's modules stay the first to be found."""
    launch = Launch(("engine",), {"A": "0", "PYTHONPATH": "/ours"}, Endpoint("http://127.0.0.1:1", "x"), "/health", 1)
    backend = EngineSettings({"A": "1", "B": "1", "PYTHONPATH": "/theirs"}, stop_grace=7.0)
    plain = as_owner_says(launch, Profile("x", ()), backend, "key")
    assert {"A": "1", "B": "1", "PYTHONPATH": "/ours:/theirs"} == plain.env
    assert 7.0 == plain.grace
    own = as_owner_says(launch, Profile("x", (), env={"B": "2"}, stop_grace=9.0), backend, "key")
    assert ("1", "2", 9.0) == (own.env["A"], own.env["B"], own.grace)
    assert launch.grace == as_owner_says(launch, Profile("x", ()), EngineSettings(), "key").grace


def test_the_devices_of_a_placement_are_a_part_of_what_the_owner_shows() -> None:
    """The engine sees those alone."""
    launch = Launch(
        ("engine",), {}, Endpoint("http://127.0.0.1:1", "x"), "/health", 1, devices={"CUDA_VISIBLE_DEVICES": "1"}
    )
    own = as_owner_says(launch, Profile("x", (), env={"CUDA_VISIBLE_DEVICES": "0,1"}), EngineSettings(), "key")
    assert {"CUDA_VISIBLE_DEVICES": "1"} == own.env


def test_what_nobody_may_see_of_a_launch_is_known() -> None:
    """Its key, and what the owner took from the environment; the command line is shown without them."""
    argv = ("engine", "--token", "sk-0123456789", "--threads", "2", "--n", "2")
    launch = Launch(argv, {}, Endpoint("http://127.0.0.1:1", "x"), "/health", 1)
    profile = Profile(
        "x", (), args={"token": Secret("sk-0123456789", "${env:T}")}, env={"E": Secret("hf-1", "${env:E}")}
    )
    shown = as_owner_says(launch, profile, EngineSettings(), "the-key")
    assert ("the-key", "sk-0123456789", "hf-1") == shown.secrets
    assert ("engine", "--token", "***", "--threads", "2", "--n", "2") == shown.shown_argv
    assert "sk-0123456789" not in repr(shown).partition("argv=")[0] + repr(shown).partition("env=")[2]


async def test_what_was_not_checked_before_is_checked_at_the_launch() -> None:
    """Without a decision no preflight went before; with one, it did."""

    @dataclass
    class Checks(Shelf):
        def check(self, profile: Profile, variant: Variant, option: LoadOption | None) -> None:  # noqa: ARG002
            raise EngineError("its header is damaged", exit_class=ExitClass.MISSING_FILE)

    backend = Checks(("/a",))
    bound = options(backend, Variant("llamacpp", path="/a"))
    with pytest.raises(EngineError, match="damaged"):
        await prepare(Profile("x", ()), bound, None)
    assert [] == backend.launched
    await prepare(Profile("x", ()), bound, LoadOption(0, "a"))
    assert 1 == len(backend.launched)
