"""The contestants. Each module has ``submit`` and ``submit_later``, and runs in its contestant's own Python."""
