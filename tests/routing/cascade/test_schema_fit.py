"""Values against schemas: as a whole validator says, where the schema is of the usual kind."""

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostd.routing.cascade.schema_fit import misfit

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 2.0, -1.5]), st.text("ab", max_size=3)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
KINDS = st.sampled_from(["object", "array", "string", "boolean", "null", "number", "integer"])
LEAVES = st.one_of(
    st.booleans(),
    st.fixed_dictionaries({}, optional={"type": KINDS | st.lists(KINDS, min_size=1, max_size=2, unique=True)}),
    st.fixed_dictionaries({"enum": st.lists(SCALARS, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"const": VALUES}),
    st.fixed_dictionaries({}, optional={word: st.integers(-2, 2) for word in ("minimum", "exclusiveMaximum")}),
    st.fixed_dictionaries(
        {}, optional={word: st.integers(0, 2) for word in ("minLength", "maxItems", "maxProperties")}
    ),
    st.just({"$ref": "#/$defs/one"}),
)


def _wider(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    some = st.lists(inner, min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(NAMES, inner, max_size=2),
            "required": st.lists(NAMES, max_size=2, unique=True),
            "additionalProperties": inner,
            "items": inner,
            "prefixItems": some,
            "anyOf": some,
            "oneOf": some,
            "allOf": some,
            "not": inner,
        },
    )


SCHEMAS = st.recursive(LEAVES, _wider, max_leaves=6)


@given(VALUES, SCHEMAS, st.sampled_from([{"type": "integer"}, {"minItems": 1}]))
def test_says_what_a_whole_validator_says(value: object, schema: object, one: object) -> None:
    """Of every keyword that it looks at, references inside of the schema included."""
    whole = {"$defs": {"one": one}, "allOf": [schema]}
    assert (misfit(value, whole) is None) is jsonschema_rs.is_valid(whole, value, draft=jsonschema_rs.Draft202012)


@pytest.mark.parametrize(
    ("value", "schema", "why"),
    [
        ({}, {"required": ["a"]}, "$ lacks a"),
        ({"a": [1, "x"]}, {"properties": {"a": {"items": {"type": "integer"}}}}, "$.a[1] is no integer"),
        ({"x y": 1}, {"additionalProperties": False}, "$ has the member a member of an odd name, which is not allowed"),
    ],
)
def test_says_where(value: object, schema: object, why: str) -> None:
    """By a path; no value is shown."""
    assert misfit(value, schema) == why


@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "^(a+)+$"},
        {"format": "email"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "#/nowhere"},
        {"type": "unheard-of"},
        {"$ref": "#"},
        "no schema",
    ],
)
def test_what_is_not_known_is_taken_to_hold(schema: object) -> None:
    """A reference to elsewhere is not followed, and one to itself comes to an end."""
    assert misfit("a" * 40 + "!", schema) is None


def test_a_schema_of_many_branches_comes_to_an_end() -> None:
    """Two to the power of forty alternatives are not all looked at."""
    schema: object = {"type": "integer"}
    for _ in range(40):
        schema = {"anyOf": [schema, schema]}
    assert misfit("x", schema) is None
