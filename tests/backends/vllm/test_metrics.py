"""What vLLM says in its metrics is read."""

from hostd.backends.vllm.metrics import parse
from hostd.domain.progress import EngineProgress, SlotProgress

TEXT = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="tiny"} 2.0
vllm:num_requests_waiting{engine="0",model_name="tiny"} 1.0
vllm:prompt_tokens_total{engine="0",model_name="tiny"} 1000.0
vllm:prompt_tokens_created{engine="0",model_name="tiny"} 1.764e+09
vllm:generation_tokens_total{engine="0",model_name="tiny"} 50.0
vllm:iteration_tokens_total_bucket{engine="0",le="1.0",model_name="tiny"} 40.0
vllm:iteration_tokens_total_count{engine="0",model_name="tiny"} 60.0
vllm:iteration_tokens_total_sum{engine="0",model_name="tiny"} 1.05e+03
"""


def test_requests_and_tokens_are_read() -> None:
    """Those that run, those that wait, and everything that was computed."""
    assert EngineProgress((SlotProgress(0),) * 2, 1, 2160.0) == parse(TEXT)


def test_a_step_of_a_prompt_moves_the_counters() -> None:
    """Long before the request's own tokens are counted."""
    assert parse(TEXT) != parse(TEXT.replace('count{engine="0",model_name="tiny"} 60.0', "count 61.0"))


def test_engines_of_one_server_are_added() -> None:
    """With data parallelism there are several."""
    found = parse(TEXT + TEXT.replace('engine="0"', 'engine="1"'))
    assert found is not None
    assert (4, 2) == (len(found.slots), found.waiting)


def test_metrics_of_another_server_report_nothing() -> None:
    """Many programs have this route."""
    assert parse("go_goroutines 7\nprocess_cpu_seconds_total 3.5\n") is None
