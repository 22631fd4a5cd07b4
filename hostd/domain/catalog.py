"""The settings in force: one object answers for them, so that replacing them once reaches everything that asks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hostd.domain.host import Reserve
from hostd.domain.private_data import PrivacySettings
from hostd.domain.profile import EngineSettings, HostBudgets, Profile, Role, Settings
from hostd.domain.server_settings import (
    GuardrailSettings,
    KeySettings,
    ServerSettings,
    StateSettings,
    TraceContentSettings,
)


@dataclass(frozen=True, slots=True)
class ProfileChanges:
    """The difference between two sets of profiles, by name, in the order of the files."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @classmethod
    def between(
        cls, before: Mapping[str, Profile], after: Mapping[str, Profile], backends: Collection[str] = ()
    ) -> "ProfileChanges":
        """Return what turns *before* into *after*; a profile that one of *backends* may serve has changed with it."""
        moved = {name for name, profile in after.items() if any(each.backend in backends for each in profile.variants)}
        return cls(
            added=tuple(name for name in after if name not in before),
            changed=tuple(
                name for name, profile in after.items() if name in before and (profile != before[name] or name in moved)
            ),
            removed=tuple(name for name in before if name not in after),
        )


def changed_backends(before: Settings, after: Settings) -> frozenset[str]:
    """Return the backends whose command, variables or grace differ."""
    found = set[str]()
    for old, new in ((before.commands, after.commands), (before.engines, after.engines)):
        found |= {name for name in {*old, *new} if old.get(name) != new.get(name)}
    return frozenset(found)


class Catalog:
    """Answers for the settings in force. Ask it each time: what it returned before may have been replaced since.

    Only a reload replaces them (`hostd.runtime.reload`), which also tells the scheduler by one event.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()

    def __repr__(self) -> str:
        return f"<Catalog {len(self.profiles)} profiles, {len(self.settings.roles)} roles>"

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """The declared models by name."""
        return self.settings.profiles

    @property
    def roles(self) -> Mapping[str, Role]:
        """The declared roles by name."""
        return self.settings.roles

    @property
    def commands(self) -> Mapping[str, tuple[str, ...]]:
        """The commands that the owner configured, by backend."""
        return self.settings.commands

    @property
    def card_wait(self) -> float:
        """For how many seconds a boot waits for cards whose driver is not up yet."""
        return self.settings.card_wait

    @property
    def engines(self) -> Mapping[str, EngineSettings]:
        """What the owner says of the engines of each backend."""
        return self.settings.engines

    @property
    def reserve(self) -> Reserve:
        """The memory that is left to other programs."""
        return self.settings.reserve

    @property
    def budgets(self) -> HostBudgets:
        """What the host, each session and providers may use up."""
        return self.settings.budgets

    @property
    def traces(self) -> TraceContentSettings:
        """What traces hold."""
        return self.settings.traces

    @property
    def guardrails(self) -> GuardrailSettings:
        """When requests are taken to go round in a circle."""
        return self.settings.guardrails

    @property
    def listen(self) -> tuple[str, ...]:
        """The addresses to listen on."""
        return self.settings.listen

    @property
    def state(self) -> StateSettings:
        """What is kept of answers; a change of it takes a restart."""
        return self.settings.state

    @property
    def privacy(self) -> PrivacySettings:
        """How requests are scanned before they may leave the machine."""
        return self.settings.privacy

    @property
    def kv_disk(self) -> int:
        """The bytes of disk that saved conversations may take; a change of it takes a restart."""
        return self.settings.kv_disk

    @property
    def keys(self) -> KeySettings:
        """Where the clients' keys are."""
        return self.settings.keys

    @property
    def server(self) -> ServerSettings:
        """The settings of hostd's own server."""
        return self.settings.server
