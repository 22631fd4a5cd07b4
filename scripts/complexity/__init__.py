"""Prompts of known complexity and type, from which the weights of `hostd.routing.complexity_model` are learnt."""
