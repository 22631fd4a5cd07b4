"""Traces of requests by OpenTelemetry's conventions, where its variables and the extra ``hostd[otel]`` are there."""
