"""Customer profiles: what is known about companies, from their web pages or from an agent's documents."""
