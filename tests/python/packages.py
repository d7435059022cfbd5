"""packages.py NAME ARGUMENT…: what a package of PyPI, or a part of the standard library,
is for; each ends by printing `ok`."""

import asyncio
import contextlib
import socket
import ssl
import sys
import threading


def _context(directory):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f'{directory}/server.pem', f'{directory}/server.key')
    return context


# Clients of nginx with HTTPS: what it has is 100,000 bytes of `x`.


def urllib(url, directory):
    import urllib.error
    import urllib.request

    context = ssl.create_default_context(cafile=f'{directory}/ca.pem')
    with urllib.request.urlopen(url, context=context) as answer:
        assert answer.read() == b'x' * 100_000
    try:
        urllib.request.urlopen(url)
    except urllib.error.URLError as error:
        assert isinstance(error.reason, ssl.SSLCertVerificationError), error
    else:
        raise AssertionError('nobody verified it')


def requests(url, directory):
    import requests

    with requests.Session() as session:
        session.verify = f'{directory}/ca.pem'
        for _ in range(3):
            assert session.get(url).content == b'x' * 100_000
        session.verify = True
        session.close()
        try:
            session.get(url)
        except requests.exceptions.SSLError:
            return
    raise AssertionError('nobody verified it')


def urllib3(url, directory):
    import urllib3

    pool = urllib3.PoolManager(ca_certs=f'{directory}/ca.pem')
    assert pool.request('GET', url).data == b'x' * 100_000


def httpx(url, directory):
    import httpx

    context = ssl.create_default_context(cafile=f'{directory}/ca.pem')
    assert httpx.get(url, verify=context).content == b'x' * 100_000

    async def many():
        async with httpx.AsyncClient(verify=context) as client:
            answers = await asyncio.gather(*(client.get(url) for _ in range(10)))
            assert all(answer.content == b'x' * 100_000 for answer in answers)

    asyncio.run(many())


# Servers of Debian's.


def pg8000(host, port):
    import pg8000.native

    with contextlib.closing(pg8000.native.Connection('guest', host=host, port=int(port), database='postgres')) as connection:
        connection.run('create temporary table numbers (number integer)')
        for number in range(10):
            connection.run('insert into numbers values (:number)', number=number)
        assert connection.run('select sum(number) from numbers') == [[45]]


def paho(host, port):
    import paho.mqtt.client as mqtt

    came = threading.Event()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)

    def connected(client, *_):
        client.subscribe('a/topic', qos=1)

    def subscribed(client, *_):
        client.publish('a/topic', b'message', qos=1)

    def message(client, data, message):
        assert message.payload == b'message'
        came.set()

    client.on_connect, client.on_subscribe, client.on_message = connected, subscribed, message
    client.connect(host, int(port))
    # A thread of its own.
    client.loop_start()
    assert came.wait(30)
    client.loop_stop()


# Both ends in the guest.


def http_server(directory):
    import http.client
    import http.server

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            # The others are served meanwhile.
            barrier.wait(30)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(threading.current_thread().name.encode())

        def log_message(self, *_):
            pass

    barrier = threading.Barrier(4)
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def get(_):
        connection = http.client.HTTPConnection(*server.server_address)
        connection.request('GET', '/')
        return connection.getresponse().read()

    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(get, range(4)))) == 4
    server.shutdown()


def asyncio_tls(directory):
    async def echo(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    async def main():
        server = await asyncio.start_server(echo, '', 0, family=socket.AF_INET, ssl=_context(directory))
        host, port = server.sockets[0].getsockname()
        context = ssl.create_default_context(cafile=f'{directory}/ca.pem')
        reader, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname='localhost')
        writer.write(b'a line\n')
        assert await reader.readline() == b'a line\n'
        assert writer.get_extra_info('cipher') and await asyncio.to_thread(lambda: 42) == 42
        writer.close()
        server.close()

    asyncio.run(main())


def websockets(directory):
    from websockets.asyncio.client import connect
    from websockets.asyncio.server import serve

    async def echo(socket):
        async for message in socket:
            await socket.send(message)

    async def main():
        async with serve(echo, '127.0.0.1', 0, ssl=_context(directory)) as server:
            port = server.sockets[0].getsockname()[1]
            context = ssl.create_default_context(cafile=f'{directory}/ca.pem')
            async with connect(f'wss://localhost:{port}', ssl=context) as client:
                for message in 'text', b'\0' * 200_000:
                    await client.send(message)
                    assert await client.recv() == message

    asyncio.run(main())


def uvicorn(directory):
    import httpx
    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def hello(request):
        return JSONResponse({'hello': request.path_params['name']})

    def sync(request):
        # In starlette's pool of threads.
        return JSONResponse(threading.current_thread() is not threading.main_thread())

    app = Starlette(routes=[Route('/hello/{name}', hello), Route('/sync', sync)])
    listener = socket.create_server(('127.0.0.1', 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level='error'))

    async def main():
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        base = 'http://127.0.0.1:%d' % listener.getsockname()[1]
        async with httpx.AsyncClient(base_url=base) as client:
            assert (await client.get('/hello/world')).json() == {'hello': 'world'}
            assert (await client.get('/sync')).json() is True
        server.should_exit = True
        await serving

    asyncio.run(main())


def bottle(directory):
    import wsgiref.simple_server

    import bottle
    import requests

    app = bottle.Bottle()

    @app.post('/double')
    def double():
        return {'doubled': bottle.request.json['number'] * 2}

    class Quiet(wsgiref.simple_server.WSGIRequestHandler):
        def log_message(self, *_):
            pass

    server = wsgiref.simple_server.make_server('127.0.0.1', 0, app, handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    answer = requests.post(f'http://127.0.0.1:{server.server_port}/double', json={'number': 21})
    assert answer.json() == {'doubled': 42}
    server.shutdown()


def aiosmtpd(directory):
    import smtplib

    from aiosmtpd.controller import Controller

    class Handler:
        async def handle_DATA(self, server, session, envelope):
            came.append(envelope.content)
            return '250 OK'

    came = []
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Handler(), '127.0.0.1', port, tls_context=_context(directory), require_starttls=True)
    controller.start()
    with smtplib.SMTP('localhost', port) as client:
        client.starttls(context=ssl.create_default_context(cafile=f'{directory}/ca.pem'))
        client.sendmail('a@example.org', 'b@example.org', 'Subject: x\r\n\r\ntext')
    controller.stop()
    assert b'text' in came[0]


def pymodbus(directory):
    from pymodbus.client import AsyncModbusTcpClient
    from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
    from pymodbus.server import ModbusTcpServer

    async def main():
        store = ModbusDeviceContext(hr=ModbusSequentialDataBlock(0, [17] * 100))
        server = ModbusTcpServer(ModbusServerContext(store, single=True), address=('127.0.0.1', 0))
        await server.listen()
        port = server.transport.sockets[0].getsockname()[1]
        client = AsyncModbusTcpClient('127.0.0.1', port=port)
        assert await client.connect()
        assert (await client.read_holding_registers(1, count=3)).registers == [17, 17, 17]
        client.close()
        await server.shutdown()

    asyncio.run(main())


globals()[sys.argv[1]](*sys.argv[2:])
print('ok')
