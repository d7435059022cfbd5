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


def ldap3(host, port):
    import ldap3
    from ldap3.core.exceptions import LDAPBindError

    server = ldap3.Server(host, int(port), get_info=ldap3.ALL)
    admin, base = 'cn=admin,dc=example,dc=org', 'dc=example,dc=org'
    try:
        ldap3.Connection(server, admin, 'wrong', auto_bind=True)
    except LDAPBindError:
        pass
    else:
        raise AssertionError('a wrong password')
    with ldap3.Connection(server, admin, 'secret', auto_bind=True) as connection:
        assert base in server.info.naming_contexts
        assert connection.add(base, ['dcObject', 'organization'], {'o': 'Example', 'dc': 'example'})
        for number in range(50):
            name = f'cn=host{number},{base}'
            assert connection.add(name, ['device'], {'description': 'x' * 10_000}), connection.result
        assert not connection.add(f'cn=host1,{base}', ['device'])
        found = connection.extend.standard.paged_search(base, '(cn=host1*)', attributes=['*'], paged_size=3)
        found = {entry['attributes']['cn'][0]: entry['attributes']['description'] for entry in found}
        assert len(found) == 11 and set(map(tuple, found.values())) == {('x' * 10_000,)}
        assert connection.modify(f'cn=host1,{base}', {'description': [(ldap3.MODIFY_REPLACE, ['new'])]})
        assert connection.compare(f'cn=host1,{base}', 'description', 'new')
        assert connection.delete(f'cn=host1,{base}')
        assert not connection.search(base, '(cn=host1)')


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


def pymysql(host, port):
    import pymysql

    def connect(password):
        return pymysql.connect(host=host, port=int(port), user='guest', password=password, database='mysql')

    try:
        connect('wrong')
    except pymysql.err.OperationalError as error:
        assert error.args[0] == pymysql.constants.ER.ACCESS_DENIED_ERROR, error
    else:
        raise AssertionError('any password will do')
    long = 'ä' * 500_000
    with connect('secret') as connection, connection.cursor() as cursor:
        cursor.execute('create temporary table numbers (number integer primary key, long_text longtext) character set utf8mb4')
        cursor.executemany('insert into numbers values (%s, %s)', [(number, str(number)) for number in range(1000)])
        cursor.execute('update numbers set long_text = %s where number = 7', long)
        connection.commit()
        cursor.execute('delete from numbers')
        connection.rollback()
        cursor.execute('select sum(number), count(*) from numbers')
        assert cursor.fetchone() == (499500, 1000)
        cursor.execute('select long_text from numbers where number in (6, 7) order by number')
        assert cursor.fetchall() == (('6',), (long,))
        try:
            cursor.execute('insert into numbers values (7, null)')
        except pymysql.err.IntegrityError:
            pass
        else:
            raise AssertionError('twice the same key')
    # Unbuffered, row by row, of another connection.
    with connect('secret') as connection, connection.cursor(pymysql.cursors.SSCursor) as cursor:
        cursor.execute('select seq, repeat("x", 100) from seq_1_to_5000')
        assert [row[0] for row in cursor] == list(range(1, 5001))


def dnspython(host, port):
    import dns.asyncresolver
    import dns.message
    import dns.query
    import dns.resolver

    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = [host], int(port), 30
    for tcp in False, True:
        assert [str(answer) for answer in resolver.resolve('host.test', tcp=tcp)] == ['192.0.2.7']
        assert [str(answer) for answer in resolver.resolve('host.test', 'AAAA', tcp=tcp)] == ['2001:db8::7']
        try:
            resolver.resolve('missing.test', tcp=tcp)
        except dns.resolver.NXDOMAIN:
            continue
        raise AssertionError('found it')
    try:
        resolver.resolve('host.test', 'MX')
    except dns.resolver.NoAnswer:
        pass
    else:
        raise AssertionError('it has no such record')
    # Too long for a datagram.
    question = dns.message.make_query('long.test', 'TXT')
    assert dns.query.udp(question, host, 30, int(port)).flags & dns.flags.TC
    answer, is_tcp = dns.query.udp_with_fallback(question, host, 30, int(port))
    assert is_tcp and sorted(len(text.strings[0]) for text in answer.answer[0]) == [200] * 20

    async def many():
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = [host], int(port)
        answers = await asyncio.gather(*(resolver.resolve('host.test', tcp=number % 2 == 0) for number in range(10)))
        assert all(answer[0].address == '192.0.2.7' for answer in answers)

    asyncio.run(many())


def nats(host, port):
    import nats

    async def main():
        url = f'nats://{host}:{port}'
        async with await nats.connect(url) as here, await nats.connect(url) as there:
            # Each of the two sees all messages of a subject, in order.
            subscriptions = [await connection.subscribe('numbers.*') for connection in (here, there)]
            await there.flush()
            for number in range(100):
                await here.publish(f'numbers.{number}', b'%d' % number)
            for subscription in subscriptions:
                for number in range(100):
                    message = await subscription.next_msg(30)
                    assert (message.subject, message.data) == (f'numbers.{number}', b'%d' % number)

            async def double(message):
                await message.respond(message.data * 2)

            await there.subscribe('double', 'workers', double)
            await there.flush()
            data = bytes(range(256)) * 2000
            answers = await asyncio.gather(*(here.request('double', data[:size], 30) for size in (0, 1, 500_000)))
            assert [len(answer.data) for answer in answers] == [0, 2, 1_000_000]
            assert answers[-1].data == data[:500_000] * 2
            try:
                await here.request('nobody', b'', 30)
            except nats.errors.NoRespondersError:
                pass
            else:
                raise AssertionError('somebody answered')
            # Kept by the server.
            stream = here.jetstream()
            await stream.add_stream(name='kept', subjects=['kept'])
            for number in range(10):
                assert (await stream.publish('kept', b'%d' % number)).seq == number + 1
            taker = await there.jetstream().pull_subscribe('kept', 'taker')
            messages = await taker.fetch(10, 30)
            assert [message.data for message in messages] == [b'%d' % number for number in range(10)]
            for message in messages:
                await message.ack()

    asyncio.run(main())


def pymemcache(host, port):
    from concurrent.futures import ThreadPoolExecutor

    from pymemcache.client.base import Client, PooledClient
    from pymemcache.exceptions import MemcacheServerError

    address = host, int(port)
    with contextlib.closing(Client(address)) as client:
        assert client.get('key') is None
        assert client.set('key', b'value', noreply=False) and client.get('key') == b'value'
        long = bytes(range(256)) * 2000
        assert client.set('long', long, noreply=False) and client.get('long') == long
        assert client.get_many(['key', 'long', 'other']) == {'key': b'value', 'long': long}
        value, version = client.gets('key')
        assert client.cas('key', b'new', version, noreply=False)
        assert client.cas('key', b'newer', version, noreply=False) is False
        try:
            client.set('huge', b'x' * 2_000_000, noreply=False)
        except MemcacheServerError:
            pass
        else:
            raise AssertionError('it keeps no more than a megabyte')
        assert client.delete('key', noreply=False) and client.get('key') is None
        client.set('number', 0, noreply=False)
    # Threads, and connections that they share.
    pool = PooledClient(address, max_pool_size=4)
    with ThreadPoolExecutor(4) as threads:
        counts = threads.map(lambda _: pool.incr('number', 1), range(100))
        assert sorted(counts) == list(range(1, 101))
    pool.close()


def pika(host, port):
    import pika
    from pika.exceptions import ChannelClosedByBroker, ProbableAuthenticationError

    def connect(password):
        credentials = pika.PlainCredentials('guest', password)
        return pika.BlockingConnection(pika.ConnectionParameters(host, int(port), credentials=credentials))

    try:
        connect('wrong')
    except ProbableAuthenticationError:
        pass
    else:
        raise AssertionError('any password will do')
    with connect('guest') as connection:
        channel = connection.channel()
        try:
            channel.queue_declare('missing', passive=True)
        except ChannelClosedByBroker as error:
            assert error.reply_code == 404, error
        else:
            raise AssertionError('found it')
        channel = connection.channel()
        channel.confirm_delivery()
        channel.exchange_declare('topics', 'topic')
        queue = channel.queue_declare('', exclusive=True).method.queue
        channel.queue_bind(queue, 'topics', 'a.*')
        messages = [b'%d' % number for number in range(100)] + [bytes(range(256)) * 4000]
        for message in messages:
            channel.basic_publish('topics', 'a.message', message, mandatory=True)
        channel.basic_publish('topics', 'another', b'goes nowhere')
        try:
            channel.basic_publish('topics', 'another', b'goes nowhere', mandatory=True)
        except pika.exceptions.UnroutableError:
            pass
        else:
            raise AssertionError('it went somewhere')
        came = []

        def message(channel, method, properties, body):
            came.append(body)
            channel.basic_ack(method.delivery_tag)
            if len(came) == len(messages):
                channel.stop_consuming()

        channel.basic_qos(prefetch_count=10)
        channel.basic_consume(queue, message)
        # From a thread of its own, it is told to go on.
        timer = threading.Timer(0, lambda: connection.add_callback_threadsafe(woken.set))
        woken = threading.Event()
        timer.start()
        channel.start_consuming()
        assert came == messages
        while not woken.is_set():
            connection.process_data_events(30)
        assert channel.basic_get(queue) == (None, None, None)


# The kernel's own packets.


def scapy(interface):
    from scapy.layers.inet import IP, UDP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether
    from scapy.sendrecv import sendp

    # Its sniff() asks for the time of the last packet by an ioctl that is not there.
    payload = b'to be sniffed' * 50
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sniffer:
        sniffer.bind((interface, 3))
        sniffer.settimeout(60)
        for network in IP(src='127.0.0.1', dst='127.0.0.1'), IPv6(src='::1', dst='::1'):
            sendp(Ether() / network / UDP(sport=4000, dport=9) / payload, iface=interface, verbose=False)
            while True:
                frame, _, _, sender = sniffer.recvmsg(65536)
                assert sender[0] == interface
                packet = Ether(frame)
                if payload not in frame or type(network) not in packet:
                    continue
                found = packet[type(network)]
                assert (found.src, found.dst) == (network.src, network.dst)
                assert found[UDP].dport == 9 and bytes(found[UDP].payload) == payload
                break


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


def flask(directory):
    from concurrent.futures import ThreadPoolExecutor

    import flask
    import requests
    import werkzeug.serving

    app = flask.Flask('app')
    app.secret_key = 'secret'
    barrier = threading.Barrier(4)

    @app.get('/hello/<name>')
    def hello(name):
        return flask.render_template_string('<b>{{ name }}</b>', name=name)

    @app.get('/count')
    def count():
        flask.session['count'] = flask.session.get('count', 0) + 1
        return {'count': flask.session['count']}

    @app.post('/upload')
    def upload():
        data = flask.request.files['file'].read()
        return flask.Response((data[at : at + 1000] for at in range(0, len(data), 1000)), mimetype='application/x-test')

    @app.get('/together')
    def together():
        # The others are served meanwhile.
        barrier.wait(30)
        return threading.current_thread().name

    class Quiet(werkzeug.serving.WSGIRequestHandler):
        def log(self, *_):
            pass

    server = werkzeug.serving.make_server('127.0.0.1', 0, app, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f'http://127.0.0.1:{server.server_port}'
    with requests.Session() as session:
        assert session.get(f'{url}/hello/<world>').text == '<b>&lt;world&gt;</b>'
        assert [session.get(f'{url}/count').json()['count'] for _ in range(3)] == [1, 2, 3]
        data = bytes(range(256)) * 4000
        answer = session.post(f'{url}/upload', files={'file': data})
        assert answer.content == data and answer.headers['Content-Type'] == 'application/x-test'
        assert session.get(f'{url}/missing').status_code == 404
        assert session.get(f'{url}/upload').status_code == 405
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: requests.get(f'{url}/together').text, range(4)))) == 4
    server.shutdown()


def aiohttp(directory):
    import aiohttp
    from aiohttp import web

    async def hello(request):
        return web.json_response({'hello': request.match_info['name']})

    async def upload(request):
        # As it comes, and in chunks.
        answer = web.StreamResponse()
        await answer.prepare(request)
        async for chunk in request.content.iter_any():
            await answer.write(chunk)
        await answer.write_eof()
        return answer

    async def echo(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_bytes(message.data)
        return socket

    async def main():
        app = web.Application()
        app.add_routes([web.get('/hello/{name}', hello), web.post('/upload', upload), web.get('/echo', echo)])
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, '127.0.0.1', 0, ssl_context=_context(directory))
        await site.start()
        url = 'https://localhost:%d' % runner.addresses[0][1]
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=f'{directory}/ca.pem'))
        async with aiohttp.ClientSession(url, connector=connector) as session:

            async def get(number):
                async with session.get(f'/hello/{number}') as answer:
                    return await answer.json()

            answers = await asyncio.gather(*(get(number) for number in range(20)))
            assert answers == [{'hello': str(number)} for number in range(20)]
            data = bytes(range(256)) * 4000
            async with session.post('/upload', data=data) as answer:
                assert await answer.read() == data
            async with session.get('/missing') as answer:
                assert answer.status == 404
            async with session.ws_connect('/echo') as socket:
                for message in b'message', data:
                    await socket.send_bytes(message)
                    assert await socket.receive_bytes() == message
        async with aiohttp.ClientSession(url) as session:
            try:
                await session.get('/hello/world')
            except aiohttp.ClientConnectorCertificateError:
                pass
            else:
                raise AssertionError('nobody verified it')
        await runner.cleanup()

    asyncio.run(main())


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
