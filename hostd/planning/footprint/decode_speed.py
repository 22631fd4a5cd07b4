"""How fast a model answers, from what each token reads of its weights."""

from hostd.domain.shape import Shape


def active_bytes(shape: Shape) -> int:
    """Return the bytes of the weights that take part in one token: all but the experts that are not picked."""
    share = shape.experts_used / shape.experts if shape.experts else 1.0
    dense = sum(layer.dense_bytes for layer in shape.layers)
    experts = sum(layer.expert_bytes for layer in shape.layers)
    if shape.experts and not experts:
        # Where a header does not tell experts from the rest, nearly all of the weights are theirs.
        dense, experts = round(dense * 0.1), round(dense * 0.9)
    head = shape.tables.output or shape.tables.token_embedding
    return max(1, dense + round(experts * share) + head)
