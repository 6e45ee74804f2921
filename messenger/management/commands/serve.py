"""`manage.py serve`: run the server until SIGTERM, then say goodbye to every socket."""

import os
from importlib import import_module
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

SERVERS = ("daphne", "uvicorn")
# Bytes of a frame beyond which the connection is dropped (1009). Up to settings.MAX_FRAME it is
# read, in between it is answered with an error.
MAX_WIRE = 256 * 1024


class Command(BaseCommand):
    help = (
        "Run the server in the foreground: REST, sockets, admin and pages. SIGTERM stops it"
        " cleanly: every socket is closed with 1012 and may reconnect and resume."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--host",
            default=os.environ.get("HOST") or "127.0.0.1",
            help="default: $HOST, 127.0.0.1",
        )
        parser.add_argument(
            "--port", default=os.environ.get("PORT") or "8000", help="default: $PORT, 8000"
        )
        parser.add_argument(
            "--server",
            choices=SERVERS,
            default=os.environ.get("SERVER") or "daphne",
            help="daphne (default: $SERVER, daphne), or uvicorn, which is faster under load",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        port = str(options["port"])
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise CommandError(f"The port is {port!r}: say a number from 1 to 65535.")
        if options["server"] not in SERVERS:
            raise CommandError(f"SERVER is {options['server']!r}: say {' or '.join(SERVERS)}.")
        # The server first: daphne must install its reactor before anything else imports Twisted.
        server = import_module(f"messenger.serving.{options['server']}")
        from messenger.asgi import application

        self.stdout.write(
            f"http://{options['host']}:{port} ({options['server']}). Ctrl-C stops it."
        )
        self.stdout.flush()
        server.serve(application, options["host"], int(port), max_frame=MAX_WIRE)
