"""What engines count is joined into one page that Prometheus can read, whatever they send."""

from prometheus_client.parser import text_string_to_metric_families

from hostd.telemetry.engine_metrics import MOST_SAMPLES, joined

VLLM = """\
# HELP python_gc_objects_collected_total Objects collected during gc
# TYPE python_gc_objects_collected_total counter
python_gc_objects_collected_total{generation="0"} 4710.0
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="/models/a\\"b"} 2.0
# HELP vllm:prompt_tokens_total Number of prefill tokens processed.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="q"} 33.0
# TYPE vllm:prompt_tokens_created gauge
vllm:prompt_tokens_created{engine="0",model_name="q"} 1.7e+09
# HELP vllm:time_to_first_token_seconds Histogram of time to first token in seconds.
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_sum{engine="0",model_name="q"} 0.5
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001",model_name="q"} 0.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf",model_name="q"} 3.0
vllm:time_to_first_token_seconds_count{engine="0",model_name="q"} 3.0
"""
LLAMA = """\
# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 12
# HELP llamacpp:requests_processing Number of requests processing.
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 1
"""


def read(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return all samples; each family stands there once."""
    families = list(text_string_to_metric_families(text))
    assert len(families) == len({family.name for family in families})
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def test_names_the_model() -> None:
    """Two engines of a kind stand in the same families, told apart by their models."""
    text, left_out = joined({"chat": LLAMA, 'o"rg/x': LLAMA.replace("12", "7"), "big": VLLM})
    seen = read(text)
    tokens = {dict(labels)["model"]: value for (name, labels), value in seen.items() if name.startswith("llamacpp:p")}
    assert {"chat": 12.0, 'o"rg/x': 7.0} == tokens
    assert 3.0 == seen["vllm:time_to_first_token_seconds_count", labels_of(engine="0", model_name="q", model="big")]
    assert 2.0 == seen["vllm:num_requests_running", labels_of(engine="0", model_name='/models/a"b', model="big")]
    assert {"chat": 0, 'o"rg/x': 0, "big": 0} == left_out
    assert 1 == text.count("# TYPE llamacpp:prompt_tokens_total counter")


def labels_of(**labels: str) -> frozenset[tuple[str, str]]:
    """Return labels as `read` has them."""
    return frozenset(labels.items())


def test_leaves_out_what_is_no_business_of_models() -> None:
    """Metrics of Python, of the process, and when a counter was made."""
    text, _ = joined({"big": VLLM})
    assert "python_" not in text
    assert "_created" not in text


def test_keeps_an_engines_own_label() -> None:
    """A label that is called model is renamed, as Prometheus itself does."""
    seen = read(joined({"big": 'x:y{model="theirs",a="b"} 1\nx:y{a="c",model="theirs"} 2'})[0])
    assert {1.0, 2.0} == set(seen.values())
    assert all(("exported_model", "theirs") in labels and ("model", "big") in labels for _, labels in seen)


def test_survives_what_is_no_metric() -> None:
    """Broken lines are left out and counted, and the rest is shown; a family that another engine knows as another type is, too."""
    broken = [
        'x:a{b="c} 1',
        "x:a{b=c} 1",
        "x:a one",
        "x:a 1_0",
        'x:a{b="' + "c" * 5000 + '"} 1',
        'x:a{b="\\q"} 1',
        'x:a{b="c"}} 1',
        "x:a{} 1 2 3",
    ]
    page = "\n".join(["# TYPE x:ok nonsense", "\0\x0c", "<html>", *broken, "x:ok 5", 'x:ok{le="\u2028"} NaN'])
    text, left_out = joined({"odd": page, "other": "# TYPE x:ok counter\nx:ok 6\n"})
    assert {("x:ok", labels_of(model="odd")), ("x:ok", labels_of(model="odd", le="\u2028"))} == set(read(text))
    assert {"odd": len(broken), "other": 1} == left_out


def test_is_bounded() -> None:
    """An engine that makes labels up cannot make the page large."""
    page = "\n".join(f'x:a{{b="{number}"}} 1' for number in range(MOST_SAMPLES + 5))
    text, left_out = joined({"odd": page, "other": LLAMA})
    assert MOST_SAMPLES + 2 == len(read(text))
    assert {"odd": 5, "other": 0} == left_out
