"""Serving modes of vLLM and MLX."""

from hostd.domain.footprint import Component
from hostd.planning.footprint.checkpoint_modes import mlx_mode, vllm_mode
from hostd.planning.footprint.mlx_serving import MlxServing
from hostd.planning.footprint.vllm_serving import VllmServing
from hostd.planning.warm_set.load_option import full_offload, pool_budgets
from tests.planning.footprint.test_levers import SHAPE
from tests.planning.machines import GIB, mac, machine


def test_vllm_deals_a_model_to_cards_that_are_alike() -> None:
    """Two equal cards each take half; three do not divide its heads; a host of its own it cannot use."""
    host = machine(80, 80, 80)
    mode = vllm_mode("a", SHAPE, VllmServing(context=4096, slots=1), host)
    options = list(full_offload(mode, host, pool_budgets(host)))
    assert [1, 1, 1, 2] == [len(option.placement.devices) for option in options]
    one, two = (options[at].footprint.parts["cuda:0"][Component.WEIGHTS].expected for at in (0, 3))
    assert 0.49 < two / one < 0.53
    assert [] == list(full_offload(mode, machine(), {"ram": 64 * GIB}))
    assert "NVIDIA or AMD" in mode.why_not(())
    assert "cannot be dealt" in mode.why_not(host.accelerators)


def test_mlx_is_for_macs() -> None:
    """On a Mac it takes unified memory; elsewhere it says why not."""
    mode = mlx_mode("a", SHAPE, MlxServing(context=4096))
    assert [{"metal"}] == [set(option.needs) for option in full_offload(mode, mac(64), {"metal": 64 * GIB})]
    assert [] == list(full_offload(mode, machine(80), {"cuda:0": 80 * GIB}))
    assert "Apple Silicon only" in mode.why_not(machine(80).accelerators)


def test_they_have_levers_of_their_own() -> None:
    """In the words of each engine."""
    host, apple = machine(80), mac(64)
    vllm = vllm_mode("a", SHAPE, VllmServing(context=32768, slots=4), host)
    mlx = mlx_mode("a", SHAPE, MlxServing(context=32768, slots=4))
    for mode, machine_, words in (
        (vllm, host, {"--max-model-len 16384", "--kv-cache-dtype fp8", "--enforce-eager"}),
        (mlx, apple, {"--decode-concurrency 1", "a context of 16384"}),
    ):
        option = next(full_offload(mode, machine_, pool_budgets(machine_)))
        found = mode.levers(option.placement, pool_budgets(machine_))
        assert words <= {lever.change for lever in found}
        assert sorted((lever.saves for lever in found), reverse=True) == [lever.saves for lever in found]


def test_vllm_is_told_how_much_cache_to_take() -> None:
    """The flag that leaves memory to other models, with the degree on several cards; empty if vLLM cannot start."""
    host = machine(80, 80)
    mode = vllm_mode("a", SHAPE, VllmServing(context=4096, slots=1), host)
    one, *_, two = full_offload(mode, host, pool_budgets(host))
    flag = int(mode.advice(one.placement, pool_budgets(host)).split()[1])
    assert 0 < flag < 80 * GIB
    assert mode.advice(two.placement, pool_budgets(host)).startswith(
        "--tensor-parallel-size 2 --kv-cache-memory-bytes "
    )
    assert "" == mode.advice(one.placement, {"cuda:0": GIB, "cuda:1": GIB})
