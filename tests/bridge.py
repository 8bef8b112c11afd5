"""Carry connections from sockets that were opened elsewhere to ports of loopback here.

`bridge.py 5=8080 6=9090`: what connects to the listening socket that came as file descriptor 5 talks with port 8080.
A socket stays in the network namespace in which it was made, so this joins two namespaces without an interface.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def _carry(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))
        inner_writer.close()
    writer.close()


async def _serve(descriptor: int, port: int) -> None:
    async def carried(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _carry(port, reader, writer)

    server = await asyncio.start_server(carried, sock=socket.socket(fileno=descriptor))
    await server.serve_forever()


async def _main(pairs: list[str]) -> None:
    numbers = [tuple(map(int, pair.split("="))) for pair in pairs]
    await asyncio.gather(*(_serve(descriptor, port) for descriptor, port in numbers))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
