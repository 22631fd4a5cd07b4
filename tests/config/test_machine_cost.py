"""What the machine costs, in the owner's file."""

import pytest

from hostd.domain.machine_costs import MachineSettings
from tests.config.conftest import Load, Problems

LOCAL = "name: a\nvariants: [{backend: llamacpp, path: /m.gguf}]\n"
PRICED = "name: own\nvariants: [{backend: llamacpp, path: /m.gguf}]\nprice: {input: 1, output: 2}\n"


@pytest.mark.parametrize("name", ["gpt-5", "openai/gpt-5", "own"])
def test_what_is_said_is_read(load_files: Load, name: str) -> None:
    """A model to compare with is one of the list, or a profile with a price."""
    host = f"machine: {{price: 2500, watts: 450, usd_per_kwh: 0.3, compare: {name}}}"
    assert load_files(host, a=LOCAL, own=PRICED).machine == MachineSettings(2500.0, 450.0, 0.3, name)


@pytest.mark.parametrize("name", ["gpt-55", "a"])
def test_a_model_without_a_price(problems: Problems, name: str) -> None:
    """Nothing could be compared."""
    (told,) = problems(f"machine: {{compare: {name}}}", a=LOCAL)
    assert told.startswith(f"hostd.yaml:1:20: no price is known of '{name}'"), told
