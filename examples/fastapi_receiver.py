"""A receiving service on FastAPI: it follows the orders that are in Planado and answers for them.

pip install fastapi uvicorn
PLANADO_WEBHOOK_SECRET=… python examples/fastapi_receiver.py --port 8080

POST /planado               Planado's webhooks
GET  /orders/{external_id}  how an order stands
GET  /health                whether webhooks can be stored
"""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, HTTPException

from planado_async.planado import Job
from planado_async.webhooks import Event, Webhooks

hooks = Webhooks("inbox.db")
orders: dict[str, str | None] = {}  # a service of your own keeps them in its database


@hooks.on("job_*", name="orders", order="latest")
async def follow(event: Event) -> None:
    job = event.entity
    if isinstance(job, Job) and job.external_id:
        orders[job.external_id] = job.status


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with hooks:  # what handlers need is opened before, and so closed after they have ended
        yield


app = FastAPI(lifespan=lifespan)
hooks.mount(app, "/planado", health="/health")


@app.get("/orders/{external_id}")
async def order(external_id: str) -> dict[str, str | None]:
    if external_id not in orders:
        raise HTTPException(404)
    return {"external_id": external_id, "status": orders[external_id]}


def main() -> None:
    arguments = argparse.ArgumentParser(description="A receiving service on FastAPI")
    arguments.add_argument("--port", type=int, default=8080)
    uvicorn.run(app, port=arguments.parse_args().port, access_log=False)


if __name__ == "__main__":
    main()
