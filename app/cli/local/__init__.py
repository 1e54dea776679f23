"""Commands that work on this machine: they start servers and processes, or open the database themselves."""
