"""A web application that declares its answer, and does not let FastAPI check it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pydantic
from fastapi import FastAPI
from fastapi.responses import JSONResponse

import replay

api = FastAPI()


class Count(pydantic.BaseModel):
    """How many there are."""

    count: int


@replay.boundary
def counted(name: str) -> dict[str, Any]:
    """What the world says."""
    return {"count": 3}


@api.get("/count/{name}", response_model=Count)
async def count(name: str) -> JSONResponse:
    """A ready answer, which nobody looks at."""
    return JSONResponse(counted(name))


app = replay.ASGI(api, target="tests.engine.counter:app")


def ask() -> None:
    """One request."""

    async def once() -> None:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://counter.test") as client:
            await client.get("/count/apples")

    asyncio.run(once())
