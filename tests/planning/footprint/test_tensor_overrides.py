"""What --override-tensor moves."""

import pytest

from hostd.planning.footprint.tensor_overrides import host_experts


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("exps=CPU", 48),
        (r"\.ffn_.*_exps\.=CPU", 48),
        (r"ffn_(up|down|gate)_exps=CPU", 48),
        (r"blk\.([0-9]|1[0-9])\.ffn_.*_exps\.=CPU", 20),
        (r"blk\.[0-3]\.ffn_(gate|up|down)_exps=CPU,blk\.[4-7]\..*exps=CPU", 8),
        ("nothing_of_that_name=CPU", 0),
        (r"blk\.(3[0-9])\.ffn_.*_exps=CPU", None),
        ("ffn_up_exps=CPU", None),
        ("exps=CUDA1", None),
        (r"blk\.0\.=CPU", None),
        ("ffn=CPU", None),
        ("token_embd=CUDA0", None),
        ("output=CPU", None),
        ("(=CPU", None),
        ("exps", None),
    ],
)
def test_the_experts_of_first_layers_are_a_number(text: str, layers: int | None) -> None:
    """What moves anything else, or goes elsewhere, is not counted."""
    assert layers == host_experts(text, 48)
