"""HTTP to model hubs: byte ranges, proxies, credentials bound to their origin."""
