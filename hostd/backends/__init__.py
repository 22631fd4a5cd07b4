"""One package per engine, and what is asked of each; attached servers are upstreams without a process."""
