"""The instances of all models: made at the start and whenever a model is added, forgotten when one has been removed."""

from collections.abc import Iterable, Iterator, Mapping

from hostd.backends.contract import Backend
from hostd.domain.catalog import Catalog, ProfileChanges
from hostd.domain.errors import Bug
from hostd.sizing.variants import BoundVariant
from hostd.supervisor.instance import Instance
from hostd.supervisor.run_services import RunServices


class Instances(Mapping[str, Instance]):
    """One instance per profile of *catalog*, by name; *engines* are the backends that serve their variants."""

    def __init__(self, catalog: Catalog, engines: Mapping[str, Backend]) -> None:
        self._catalog = catalog
        self._engines = engines
        self._services: RunServices | None = None
        self._made: dict[str, Instance] = {}

    def __getitem__(self, model: str) -> Instance:
        return self._made[model]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def pids(self) -> dict[str, int]:
        """Return the first process of each engine that runs on this machine, by model."""
        return {model: pid for model, instance in self._made.items() if (pid := instance.measured_pid) is not None}

    def make(self, services: RunServices) -> None:
        """Make an instance of every profile; they share *services*, and so do those of profiles that are added later."""
        self._services = services
        self._add(self._catalog.profiles)

    def apply(self, changes: ProfileChanges) -> None:
        """Make the instances of added profiles; changed ones launch by the new profile from their next start on."""
        self._add(changes.added)
        for name in changes.changed:
            self._made[name].reconfigure(self._catalog.profiles[name], self._options(name))

    def remove(self, model: str) -> None:
        """Forget the instance of a removed model, whose engine is gone."""
        self._made.pop(model).ring.close()

    def _add(self, names: Iterable[str]) -> None:
        if self._services is None:
            raise Bug("instances were asked for before there were services for them")
        for name in names:
            if name in self._made:
                # Removed, and added again before its engine was gone.
                self._made[name].reconfigure(self._catalog.profiles[name], self._options(name))
            else:
                self._made[name] = Instance(self._catalog.profiles[name], self._options(name), self._services)

    def _options(self, name: str) -> list[BoundVariant]:
        return [BoundVariant.of(variant, self._engines) for variant in self._catalog.profiles[name].variants]
