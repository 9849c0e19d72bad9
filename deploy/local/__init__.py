"""Runs the whole product on one machine, without Docker and without services: what ``./run`` does."""
