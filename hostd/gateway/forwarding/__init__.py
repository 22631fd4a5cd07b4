"""One inference request: its attempts at targets, their limits, and the way of the answer to the client."""
