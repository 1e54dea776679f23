"""The systems that Sluice is compared with."""
