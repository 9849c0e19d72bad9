"""The contestants. Each module has ``setup``, ``submit`` and ``submit_later``; it runs in its contestant's own Python."""
