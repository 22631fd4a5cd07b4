"""What goes wrong with one of several models: said at once, with its name, and no reason to leave the others alone."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from hostd.cli.exits import Code, VerbError
from hostd.cli.output import say
from hostd.domain.errors import HostdError
from hostd.models.errors import ModelNotFound


class FailureCollector:
    """Those of one run; a model that is one of *profiles* is named where the sentence about it names the hub's words alone."""

    def __init__(self, profiles: Collection[str]) -> None:
        self.models: list[str] = []
        self.code = Code.OK
        self._profiles = profiles

    def __repr__(self) -> str:
        return f"<Setbacks {self.models} {self.code!r}>"

    @contextmanager
    def about(self, model: str) -> Iterator[None]:
        """Say what fails inside the block, and go on behind it; the largest exit code of all is kept."""
        try:
            yield
        except VerbError as failure:
            self._note(model, failure.message, failure.code)
        except HostdError as error:
            name = f"{model}: " if model in self._profiles else ""
            code = Code.UNKNOWN_MODEL if isinstance(error, ModelNotFound) else Code.FAILURE
            self._note(model, f"{name}{error.message}", code)

    def _note(self, model: str, sentence: str, code: Code) -> None:
        say(sentence)
        self.code = max(self.code, code)
        if model not in self.models:
            self.models.append(model)
