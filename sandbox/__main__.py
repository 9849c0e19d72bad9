"""``python -m sandbox --folder DIR --mail SMTP_PORT HTTP_PORT``: runs the neighbours that are named, on 127.0.0.1."""

import argparse
import asyncio
import contextlib
import signal
from pathlib import Path

from sandbox import mail


async def main() -> None:
    parser = argparse.ArgumentParser(prog="sandbox", description="The outside world, on 127.0.0.1.")
    parser.add_argument("--folder", type=Path, required=True, help="where the journals are kept")
    parser.add_argument("--mail", type=int, nargs=2, metavar=("SMTP_PORT", "HTTP_PORT"), help="a mail server")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    everything = asyncio.current_task()
    assert everything is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, everything.cancel)

    async with asyncio.TaskGroup() as neighbours:
        if options.mail:
            smtp_port, http_port = options.mail
            neighbours.create_task(mail.serve(options.folder, smtp_port=smtp_port, http_port=http_port))


with contextlib.suppress(asyncio.CancelledError):
    asyncio.run(main())
