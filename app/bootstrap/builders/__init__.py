"""One builder for each package of services: it takes the adapters and the services below it, and wires its own."""
