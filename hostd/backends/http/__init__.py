"""The one place that talks HTTP to engines and attached servers: no redirects, everything bounded, one connection per exchange."""
