"""Values of first configuration files are read back as they were."""

import pytest
import yaml

from hostd.config.yaml_text import listed, quoted


@pytest.mark.parametrize("value", ["no", "1e3", "a: b", "~", 'ü " #', "", True, 3])
def test_a_value_is_read_back(value: object) -> None:
    """Names that YAML would take for something else included."""
    assert value == yaml.safe_load(quoted(value))


def test_names_are_read_back() -> None:
    """Also one with a comma."""
    assert ["a", "b, c", "no"] == yaml.safe_load(f"[{listed(['a', 'b, c', 'no'])}]")
