"""One builder for each package of services: builds its services from the adapters and from the packages below."""
