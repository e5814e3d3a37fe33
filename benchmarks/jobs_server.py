"""A server that answers one job, or a page of them, from bytes made beforehand."""

import asyncio

import orjson
from aiohttp import web

from benchmarks.peers import JOB, JOB_ITEM, PAGE, serve

_JOB = orjson.dumps({"job": JOB})
_PAGE = orjson.dumps({"jobs": [{**JOB_ITEM, "serial_no": number} for number in range(PAGE)]})


async def _answer(request: web.Request) -> web.Response:
    body = _PAGE if request.path == "/v2/jobs" else _JOB
    return web.Response(body=body, content_type="application/json")


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/{path:.*}", _answer)
    asyncio.run(serve(app))
