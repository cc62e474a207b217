"""Both ends of a WebSocket, by a usual library. `serve` echoes and prints its port; `talk URL` prints what it saw."""

import asyncio
import json
import sys

import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

MESSAGE_BYTES_MAX = 8 << 20


async def echo(connection):
    async for message in connection:
        await connection.send(message)
        if message == "leave":
            return await connection.close(4001, "as told")


async def serving():
    async with serve(
        echo, "127.0.0.1", 0, subprotocols=["echo.v2", "echo.v1"], max_size=MESSAGE_BYTES_MAX
    ) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


async def talking(url):
    saw = {}
    async with connect(url, subprotocols=["echo.v1"], max_size=MESSAGE_BYTES_MAX, proxy=None) as connection:
        saw["subprotocol"] = connection.subprotocol
        saw["compressed"] = "permessage-deflate" in connection.response.headers["Sec-WebSocket-Extensions"]
        await connection.send("héllo")
        saw["text"] = await connection.recv()
        # Random bytes, so that they are as long on the way.
        large = bytes((index * index * 2654435761 >> 7) & 255 for index in range(3 << 20))
        await connection.send(large)
        saw["large"] = await connection.recv() == large
        for number in range(200):
            await connection.send(str(number))
        saw["in_order"] = [await connection.recv() for _ in range(200)] == [str(number) for number in range(200)]
        await (await connection.ping())
        saw["ping"] = True
        await connection.send("leave")
        saw["last"] = await connection.recv()
        try:
            await connection.recv()
        except websockets.ConnectionClosed as closed:
            saw["closed"] = [closed.rcvd.code, closed.rcvd.reason]
    print(json.dumps(saw))


asyncio.run(serving() if sys.argv[1] == "serve" else talking(sys.argv[2]))
