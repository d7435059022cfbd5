"""A chat: what one client writes, all others read. chat-server.py HOST PORT"""

import asyncio
import sys

clients = {}


async def serve(reader, writer):
    writer.write(b'your name? ')
    name = (await reader.readline()).decode().strip()
    clients[name] = writer
    tell(f'{name} is here', name)
    try:
        while line := await reader.readline():
            tell(f'{name}: {line.decode().rstrip()}', name)
    finally:
        del clients[name]
        tell(f'{name} left', name)
        writer.close()


def tell(text, author):
    for name, writer in clients.items():
        if name != author:
            writer.write(f'{text}\n'.encode())


async def main():
    host, port = sys.argv[1:]
    server = await asyncio.start_server(serve, host, int(port))
    print('port', server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main())
