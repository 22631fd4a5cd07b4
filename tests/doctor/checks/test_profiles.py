"""The check of profiles against the machine."""

from pathlib import Path

from hostd.doctor.checks.profiles import check, gather, judge
from hostd.domain.errors import Problem
from hostd.domain.host import Host, Pool, PoolKind
from hostd.domain.profile import Profile, Settings, Variant
from tests.cli.models import GIB, weigh
from tests.doctor.machine import machine, only, said

SMALL = Host("Linux", "a processor", 8 * GIB, (Pool("ram", PoolKind.RAM, "", 8 * GIB, 6 * GIB, 4 * GIB),))


def declared(folder: Path, **variants: Variant) -> Settings:
    """Return settings with one profile for each variant, for an engine that is there."""
    engine = folder / "llama-server"
    engine.write_text("#!/bin/sh\n")
    engine.chmod(0o755)
    profiles = {name: Profile(name, (variant,), context=4096) for name, variant in variants.items()}
    return Settings(profiles=profiles, commands={"llamacpp": (str(engine),)})


def test_no_model_is_a_warning(tmp_path: Path) -> None:
    """A fresh installation is not broken, and says what comes next."""
    assert ("warn", "hostd init") == said(check(machine(tmp_path)))


def test_without_a_configuration_nothing_is_known(tmp_path: Path) -> None:
    """The defaults would say that there are no models."""
    assert "skipped" == only(check(machine(tmp_path, problems=(Problem("bad", "hostd.yaml"),)))).status


def test_each_model_is_judged_by_what_the_daemon_would_say(tmp_path: Path) -> None:
    """One fits, one never can, one has no file, one is not pulled."""
    settings = declared(
        tmp_path,
        small=Variant("llamacpp", path=str(weigh(tmp_path / "s.gguf", 1))),
        large=Variant("llamacpp", path=str(weigh(tmp_path / "l.gguf", 40))),
        gone=Variant("llamacpp", path=str(tmp_path / "gone.gguf")),
        hub=Variant("llamacpp", hf="org/repo", file="m.gguf"),
    )
    facts = gather(settings, SMALL, {"HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hf")})
    large, gone, hub = judge(facts)
    assert ("'large' can never fit on this machine", "hostd plan large") == (large.what, large.remedy)
    assert "of ram" in large.why
    assert ("fail", True) == (gone.status, "gone.gguf" in gone.why)
    assert ("fail", "hostd pull hub") == (hub.status, hub.remedy)


def test_a_variant_without_its_engine_serves_nothing(tmp_path: Path) -> None:
    """A tag that no store of Ollama's has, and an engine that is not installed: room alone is not enough."""
    settings = declared(tmp_path, tag=Variant("ollama", tag="no-such-model:1b"))
    found = only(judge(gather(settings, SMALL, {"OLLAMA_MODELS": str(tmp_path / "none")})))
    assert ("fail", "hostd pull tag") == (found.status, found.remedy)
    small = weigh(tmp_path / "s.gguf", 1)
    absent = Settings(
        profiles={"a": Profile("a", (Variant("llamacpp", path=str(small)),), context=4096)},
        commands={"llamacpp": ("/no/such-program",)},
    )
    assert "/no/such-program" in only(judge(gather(absent, SMALL, {}))).why


def test_all_is_well(tmp_path: Path) -> None:
    """Every model can be served when nothing else is loaded."""
    settings = declared(tmp_path, small=Variant("llamacpp", path=str(weigh(tmp_path / "s.gguf", 1))))
    assert "the declared model can be served here" == only(judge(gather(settings, SMALL, {}))).what
