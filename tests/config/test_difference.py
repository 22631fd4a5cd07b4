"""``hostd.config.difference``: what the owner is told of changed files."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hostd.config.difference import difference
from hostd.domain.budget import Budget, Limit, Measure, Period
from hostd.domain.profile import EngineSettings, FallbackRule, HostBudgets, Limits, Profile, Role, Settings, Variant
from hostd.domain.server_settings import KeySettings, ServerSettings, StateSettings
from hostd.domain.settings_changes import TakesEffect


def a_day(usd: float) -> Budget:
    """Return a budget of so many USD a day."""
    return Budget((Limit(Measure.USD, Period.DAY, usd),))


MODEL = Variant("llamacpp", path="/m.gguf")
LIMITS = st.builds(Limits, max_queue=st.integers(1, 3), queue_timeout=st.sampled_from([1.0, 30.0]))
PROFILES = st.dictionaries(
    st.sampled_from(["a.b", "org/c"]),
    st.builds(
        Profile,
        st.just(""),
        st.just((MODEL,)),
        aliases=st.sampled_from([(), ("x",)]),
        context=st.sampled_from([None, 512]),
        limits=LIMITS,
        args=st.dictionaries(st.sampled_from(["t", "u"]), st.integers(1, 2)),
    ),
)
SETTINGS = st.builds(
    Settings,
    listen=st.sampled_from([("127.0.0.1:1",), ("127.0.0.1:2",)]),
    profiles=PROFILES.map(lambda made: {name: replace(each, name=name) for name, each in made.items()}),
    budgets=st.dictionaries(st.just("p"), st.sampled_from([1.0, 2.0]).map(a_day)).map(
        lambda providers: HostBudgets(providers=providers)
    ),
)


@given(SETTINGS, SETTINGS)
def test_tells_all_that_differs_and_nothing_else(before: Settings, after: Settings) -> None:
    """No change without a difference, none left out, and the way back is the same one with both values exchanged."""
    there, back = difference(before, after), difference(after, before)
    assert () == difference(after, after)
    assert {(each.key, repr(each.before), repr(each.after), each.takes) for each in there} == {
        (each.key, repr(each.after), repr(each.before), each.takes) for each in back
    }
    shared = [name for name in before.profiles if name in after.profiles]
    differ = {name for name in shared if before.profiles[name] != after.profiles[name]}
    assert differ == {name for name in shared for each in there if each.key.startswith(f"profiles.{name}.")}
    assert (before.listen != after.listen) == ("server.listen" in {each.key for each in there})


def test_says_when_each_holds() -> None:
    """Limits at once, what an engine is launched with once it is idle, and what the daemon was started with after a restart."""
    old = Settings(profiles={"a": Profile("a", (MODEL,)), "b": Profile("b", (MODEL,))})
    a = replace(old.profiles["a"], limits=Limits(max_queue=1), args={"threads": 2}, fallback=(FallbackRule("b"),))
    new = replace(old, profiles={"a": a}, roles={"r": Role("r", ("a",))}, listen=("127.0.0.1:2",))
    new = replace(new, engines={"vllm": EngineSettings({}, 3.0)}, keys=KeySettings("keys.yaml"))
    new = replace(new, budgets=HostBudgets(providers={"p": a_day(2.0)}))
    new = replace(new, server=ServerSettings(max_body=1 << 20), state=StateSettings(keep=60.0))
    now, idle, restart = TakesEffect.NOW, TakesEffect.IDLE, TakesEffect.RESTART
    assert {
        "profiles.a.limits.max_queue": now,
        "profiles.a.fallback": now,
        "roles.r.use": now,
        "providers.p.daily_usd": now,
        "profiles.a.args.threads": idle,
        "server.listen": now,
        "server.max_body": now,
        "backends.vllm.stop_grace": idle,
        "state.keep": restart,
        "keys.file": now,
    }.items() <= {each.key: each.takes for each in difference(old, new)}.items()
    # Connections may be open on which nobody has shown a key.
    assert restart is next(each.takes for each in difference(new, old) if each.key == "keys.file")


def test_shows_no_secret() -> None:
    """A key that was replaced is told without it, and so are variables of engines."""
    cloud = Variant("cloud", provider="openai", model="m", api_key="hunter2")
    old = Settings(profiles={"a": Profile("a", (cloud,), env={"TOKEN": "hunter2"}), "b": Profile("b", (cloud,))})
    other = replace(cloud, api_key="hunter3")
    new = Settings(profiles={"a": Profile("a", (cloud,), env={"TOKEN": "hunter3"}), "b": Profile("b", (other,))})
    told = difference(old, new)
    assert ["profiles.a.env.TOKEN", "profiles.b"] == [each.key for each in told]
    assert "hunter" not in json.dumps([(each.before, each.after) for each in told])
