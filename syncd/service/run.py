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
from syncd.service.reload import refuse_bad_rules


async def run(settings: Settings, *, log_json: bool = False) -> None:
    """Run until SIGTERM or SIGINT. Raises `Fenced`, `StoreUnavailable`, `NeedsOperator`, each logged."""
    log = _Log(settings, log_json)
    log.hide(settings)
    try:
        refuse_bad_rules(settings)
        await _run(settings, log)
    except SyncdError as error:
        logger.error("{}", error)
        raise
    except Exception:
        logger.exception("syncd failed unexpectedly: this is a bug")
        raise


class _Log:
    """The log, which hides the secrets of every configuration that was ever in force."""

    def __init__(self, settings: Settings, json: bool) -> None:
        self._service, self._json = settings.service, json or settings.service.log_json
        self._secrets: set[str] = set()

    def hide(self, settings: Settings) -> None:
        self._secrets |= secrets_of(settings)
        start_logging(self._service.log_level, json=self._json, redact=Redactor(self._secrets))


async def _run(settings: Settings, log: _Log) -> None:
    for warning in settings.warnings:
        logger.warning("{}", warning)
    async with open_service(settings, clock=SystemClock(), lease=True, look=False) as service:
        daemon = Daemon(service, renewed=log.hide)
        _listen_to_signals(daemon)
        async with listening(daemon) as url, receiving(daemon) as hooks:
            where = "embedded" if settings.store.embedded else service.store.where
            logger.info("syncd runs with the store {}; health and metrics on {}", where, url)
            if hooks is not None:
                logger.info("webhooks are taken on {}/hooks/SYSTEM", hooks)
            await daemon.run()
            logger.info("stopping")
    logger.info("stopped")


def _listen_to_signals(daemon: Daemon) -> None:
    reloads: set[asyncio.Task[tuple[bool, str]]] = set()

    def reload() -> None:
        logger.info("SIGHUP: reading the configuration anew")
        task = asyncio.ensure_future(daemon.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    def stop(name: str) -> None:
        logger.info("{}: ending what is under way", name)
        daemon.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number.name)
    loop.add_signal_handler(signal.SIGHUP, reload)
