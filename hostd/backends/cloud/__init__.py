"""Models of cloud providers, over the network and for money."""
