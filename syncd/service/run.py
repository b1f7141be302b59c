"""`syncd run`: everything that the daemon is, from the first log line to the last."""

from __future__ import annotations

import asyncio
import signal

from loguru import logger

from syncd.config import Settings
from syncd.core.clock import SystemClock
from syncd.core.errors import SyncdError
from syncd.service.compose import open_service
from syncd.service.daemon import Daemon
from syncd.service.health import listening
from syncd.service.hooks import receiving
from syncd.service.logs import start_logging
from syncd.service.redact import Redactor, secrets_of


async def run(settings: Settings, *, log_json: bool = False) -> None:
    """Run until SIGTERM or SIGINT. Raises `Fenced`, `StoreUnavailable`, `NeedsOperator`, each logged."""
    asked = settings.service
    start_logging(asked.log_level, json=log_json or asked.log_json, redact=Redactor(secrets_of(settings)))
    try:
        await _run(settings)
    except SyncdError as error:
        logger.error("{}", error)
        raise


async def _run(settings: Settings) -> None:
    for warning in settings.warnings:
        logger.warning("{}", warning)
    async with open_service(settings, clock=SystemClock(), lease=True, look=False) as service:
        daemon = Daemon(service)
        _stop_on_signals(daemon)
        async with listening(daemon) as url, receiving(daemon) as hooks:
            where = "embedded" if settings.store.embedded else service.store.where
            logger.info("syncd runs with the store {}; health and metrics on {}", where, url)
            if hooks is not None:
                logger.info("webhooks are taken on {}/hooks/SYSTEM", hooks)
            await daemon.run()
            logger.info("stopping")
    logger.info("stopped")


def _stop_on_signals(daemon: Daemon) -> None:
    def stop(name: str) -> None:
        logger.info("{}: ending what is under way", name)
        daemon.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number.name)
