"""Every kind of worker by the name that it is started with."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from registration.checks import Kind
from registration.settings import Settings
from verify_workers import pool
from verify_workers.waves import worker as waves

Serve = Callable[[Settings, asyncio.Event], Awaitable[None]]

WORKERS: Mapping[str, Serve] = {**{kind.value: partial(pool.serve, kind) for kind in Kind}, "waves": waves.serve}
