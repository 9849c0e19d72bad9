"""Plain Celery as its documentation has it: a row, ``delay_on_commit``, acknowledged late."""
