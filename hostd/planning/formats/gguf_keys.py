"""Metadata of a GGUF header as checked numbers of its architecture."""

from collections.abc import Mapping

from hostd.planning.formats.gguf import GgufHeader, Value
from hostd.planning.formats.gguf_cursor import GgufError
from hostd.planning.formats.gguf_families import ALIASES

# llama.cpp's own ceiling on layers, and the largest number that any other hyper-parameter can reasonably be.
MAX_LAYERS = 512
MAX_NUMBER = 1 << 30


class GgufMetadata:
    """The keys of one architecture: ``attention.head_count`` stands for ``llama.attention.head_count``."""

    def __init__(self, header: GgufHeader) -> None:
        self._keys: Mapping[str, Value] = header.keys
        self._lengths = header.lengths
        architecture = header.keys.get("general.architecture")
        if not isinstance(architecture, str) or not architecture:
            raise GgufError(
                "the header names no architecture (general.architecture), so no engine could load it; convert the model again"
            )
        self.stated_architecture = architecture
        # The same architecture goes by another name in files that Ollama's own converter wrote.
        self.architecture = ALIASES.get(architecture, architecture)

    def text(self, key: str) -> str:
        """Return the string under *key*, which has no architecture's prefix; empty if there is none."""
        value = self._keys.get(key)
        return value if isinstance(value, str) else ""

    def general(self, key: str) -> int | None:
        """Return the number under *key*, which has no architecture's prefix; None if there is none."""
        value = self._keys.get(key)
        return value if isinstance(value, int) else None

    def length(self, key: str) -> int:
        """Return the length of an array, kept or not; 0 if there is none."""
        return self._lengths.get(key, 0)

    def has(self, key: str) -> bool:
        """Whether the architecture has that key."""
        return self._found(key) is not None

    def number(self, key: str, default: int = 0) -> int:
        """Return a number; the largest one of an array with one number per layer.

        Raises:
            GgufError: The value is not a number within bounds.
        """
        value = self._found(key)
        if value is None:
            return default
        return max(self._checked(key, value), default=default)

    def per_layer(self, key: str, layers: int, default: int = 0) -> tuple[int, ...]:
        """Return one number per layer, from an array or from one number for all layers.

        Raises:
            GgufError: The array has fewer numbers than layers, or one out of bounds.
        """
        value = self._found(key)
        if value is None:
            return (default,) * layers
        numbers = self._checked(key, value)
        if not isinstance(value, tuple):
            return numbers * layers
        if len(numbers) < layers:
            raise GgufError(
                f"'{self.stated_architecture}.{key}' has {len(numbers)} numbers for {layers} layers; convert the model again"
            )
        return numbers[:layers]

    def is_array(self, key: str) -> bool:
        """Whether the architecture has that key with one value per layer."""
        return isinstance(self._keys.get(f"{self.stated_architecture}.{key}"), tuple)

    def _found(self, key: str) -> Value | None:
        value = self._keys.get(f"{self.stated_architecture}.{key}")
        if value is None and self.length(f"{self.stated_architecture}.{key}"):
            raise GgufError(
                f"'{self.stated_architecture}.{key}' is a list that no number of layers explains; convert the model again"
            )
        return value

    def _checked(self, key: str, value: Value) -> tuple[int, ...]:
        values = value if isinstance(value, tuple) else (value,)
        numbers = tuple(int(each) for each in values if isinstance(each, int))
        if len(numbers) != len(values) or any(not 0 <= number <= MAX_NUMBER for number in numbers):
            raise GgufError(
                f"'{self.stated_architecture}.{key}' is {str(value)[:60]}, where a number from 0 to {MAX_NUMBER:,} belongs; "
                "the file is damaged: download or convert it again"
            )
        return numbers
