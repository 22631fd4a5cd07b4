"""The answer is to be JSON, by ``response_format``: it is read, and held against the schema where one was sent."""

from hostd.dialects.json_text import JsonError, parse_json
from hostd.routing.cascade.said import Asked, Said
from hostd.routing.cascade.schema_fit import misfit


def failure(asked: Asked, said: Said) -> str | None:
    """Return why the text is not the JSON that was asked for; None where it is, where none was, and of a call of tools."""
    wanted = asked.get("response_format")
    if not isinstance(wanted, dict) or wanted.get("type") not in ("json_schema", "json_object"):
        return None
    if said.answer.piece.calls:
        return None
    try:
        found = parse_json(said.text.strip().encode("utf-8", "replace"))
    except JsonError:
        return "the answer is no JSON" + ("" if said.complete else ": it ended at its limit of tokens")
    schema = _schema_of(wanted)
    if schema is None:
        return None if isinstance(found, dict) else "the answer is no JSON object"
    return misfit(found, schema)


def _schema_of(wanted: dict[str, object]) -> object:
    """Return the schema in OpenAI's form, and in the one of llama-server (``schema`` beside the type); None where there is none."""
    inner = wanted.get("json_schema")
    return inner.get("schema") if isinstance(inner, dict) else wanted.get("schema")
