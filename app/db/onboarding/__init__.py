"""The queries of lists of agents: their rows, and the agents that are created from them."""
