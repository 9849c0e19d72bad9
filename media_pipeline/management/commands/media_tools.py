"""``manage.py media_tools``: which ffmpeg a worker on this machine makes videos with, and what it lacks."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from media_pipeline import toolbox


class Command(BaseCommand):
    help = "Says which ffmpeg this machine has, and what it lacks. Fails where no videos can be made."

    def handle(self, *_args: Any, **_options: Any) -> None:
        tools = toolbox.here()
        if "problem" in tools:
            raise CommandError(toolbox.described(tools))
        self.stdout.write(toolbox.described(tools))
