"""HTTP, robots.txt and Firecrawl: the ports ``PageReader`` and ``RobotsReader``."""
