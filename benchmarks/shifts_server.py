"""A server that answers tokens, a page of shifts from bytes made beforehand, and an empty one."""

import asyncio

import orjson
from aiohttp import web

from benchmarks.peers import serve

SHIFTS = 5000  # on one page, the most that Planday grants


def _shift(number: int) -> dict[str, object]:
    day = 1 + number % 28
    return {
        "id": 100_000 + number,
        "departmentId": 1000 + number % 3,
        "employeeId": 10_000 + number % 400,
        "employeeGroupId": 2000 + number % 4,
        "positionId": 700 + number % 7,
        "date": f"2026-02-{day:02}",
        "startDateTime": f"2026-02-{day:02}T07:00",
        "endDateTime": f"2026-02-{day:02}T15:30",
        "timeZone": "Europe/Copenhagen",
        "status": "Assigned",
        "comment": "Boiler on the second floor",
        "dateTimeCreated": "2026-01-05T10:00:00Z",
        "dateTimeModified": "2026-01-06T11:30:15Z",
        "skillIds": [400, 401],
    }


def _page(shifts: list[dict[str, object]], offset: int) -> bytes:
    paging = {"offset": offset, "limit": SHIFTS, "total": SHIFTS}
    return orjson.dumps({"paging": paging, "data": shifts})


_PAGE = _page([_shift(number) for number in range(SHIFTS)], 0)
_END = _page([], SHIFTS)
_TOKEN = orjson.dumps({"access_token": "t", "expires_in": 3600, "token_type": "Bearer"})


async def _shifts(request: web.Request) -> web.Response:
    body = _PAGE if request.query["offset"] == "0" else _END
    return web.Response(body=body, content_type="application/json")


async def _token(request: web.Request) -> web.Response:
    return web.Response(body=_TOKEN, content_type="application/json")


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/scheduling/v1.0/shifts", _shifts)
    app.router.add_post("/connect/token", _token)
    asyncio.run(serve(app))
