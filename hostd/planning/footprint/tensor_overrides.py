"""What ``--override-tensor`` moves, where it is the experts of a model's first layers: the use that most owners have for it."""

import re

_EXPERTS = ("ffn_gate_exps.weight", "ffn_up_exps.weight", "ffn_down_exps.weight")
_OTHERS = (
    *("attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight", "attn_qkv.weight", "attn_norm.weight"),
    *("ffn_gate.weight", "ffn_up.weight", "ffn_down.weight", "ffn_gate_inp.weight", "ffn_norm.weight"),
    *("ffn_gate_shexp.weight", "ffn_up_shexp.weight", "ffn_down_shexp.weight", "ssm_out.weight", "ssm_in.weight"),
)
_TABLES = ("token_embd.weight", "output.weight", "output_norm.weight")
_LONGEST = 4_000


def host_experts(text: str, layers: int) -> int | None:
    """Return of how many first layers *text* (``PATTERN=BUFFER,…``) keeps the experts on the host; None if it moves anything else.

    The engine looks for each pattern anywhere in a tensor's name, and the first that is found counts.
    """
    try:
        rules = [(re.compile(pattern), buffer) for pattern, buffer in map(_rule, text[:_LONGEST].split(","))]
    except re.error:
        return None
    moved = []
    for number in range(layers):
        where = {_buffer(rules, f"blk.{number}.{name}") for name in _EXPERTS}
        # Half of a layer's experts, or another device, is a placement that is not counted.
        if len(where) > 1 or where - {"", "CPU"} or any(_buffer(rules, f"blk.{number}.{name}") for name in _OTHERS):
            return None
        moved.append(where == {"CPU"})
    first = sum(moved)
    return None if any(_buffer(rules, name) for name in _TABLES) or not all(moved[:first]) else first


def _rule(text: str) -> tuple[str, str]:
    pattern, _, buffer = text.rpartition("=")
    return pattern, buffer


def _buffer(rules: list[tuple[re.Pattern[str], str]], name: str) -> str:
    return next((buffer for pattern, buffer in rules if pattern.search(name)), "")
