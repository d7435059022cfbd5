"""A server and a client of each module: modules.py MODULE serve, or
modules.py MODULE ask PORT. It is run in the guest and in CPython."""

import asyncio
import ftplib
import selectors
import smtplib
import socket
import socketserver
import sys
import threading
import xmlrpc.client
import xmlrpc.server

HOST = '127.0.0.1'


def told(port):
    print('port', port, flush=True)


class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())


class socketserver_:
    def serve():
        with socketserver.TCPServer((HOST, 0), Lines) as server:
            told(server.server_address[1])
            server.handle_request()

    def ask(port):
        with socket.create_connection((HOST, port), 10) as s, s.makefile('rw') as file:
            file.write('a\nb\n')
            file.flush()
            assert [file.readline(), file.readline()] == ['A\n', 'B\n']


class xmlrpc_:
    def serve():
        with xmlrpc.server.SimpleXMLRPCServer((HOST, 0), logRequests=False) as server:
            server.register_function(pow)
            server.register_introspection_functions()
            told(server.server_address[1])
            for _ in range(2):
                server.handle_request()

    def ask(port):
        # A connection for each, as the server has one at a time.
        for call, expected in (('pow(2, 10)', 1024), ('system.listMethods()[-1]', 'system.methodSignature')):
            with xmlrpc.client.ServerProxy(f'http://{HOST}:{port}') as proxy:
                assert eval(f'proxy.{call}') == expected


class asyncio_datagrams_:
    def serve():
        class Echo(asyncio.DatagramProtocol):
            def connection_made(self, transport):
                self.transport = transport

            def datagram_received(self, data, address):
                self.transport.sendto(data[::-1], address)

        async def main():
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(Echo, (HOST, 0))
            told(transport.get_extra_info('sockname')[1])
            await asyncio.sleep(60)

        asyncio.run(main())

    def ask(port):
        async def main():
            answers = asyncio.Queue()

            class Client(asyncio.DatagramProtocol):
                def datagram_received(self, data, address):
                    answers.put_nowait((data, address))

            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(Client, remote_addr=('localhost', port), family=socket.AF_INET)
            for number in range(10):
                transport.sendto(b'datagram %d' % number)
                async with asyncio.timeout(10):
                    assert await answers.get() == ((b'datagram %d' % number)[::-1], (HOST, port))
            transport.close()

        asyncio.run(main())


class selectors_:
    def serve():
        """Many clients at a time, each with each kind of selector."""
        listener = socket.create_server((HOST, 0))
        told(listener.getsockname()[1])
        for kind in (selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector):
            selector = kind()
            selector.register(listener, selectors.EVENT_READ)
            left = accepted = 20
            while left:
                for key, _ in selector.select():
                    if key.fileobj is listener:
                        connection, _ = listener.accept()
                        connection.setblocking(False)
                        selector.register(connection, selectors.EVENT_READ)
                        accepted -= 1
                        if not accepted:
                            selector.unregister(listener)
                    elif data := key.fileobj.recv(100):
                        key.fileobj.sendall(data)
                    else:
                        selector.unregister(key.fileobj)
                        key.fileobj.close()
                        left -= 1
            selector.close()
        listener.close()

    def ask(port):
        for _ in range(3):
            connections = [socket.create_connection((HOST, port), 10) for _ in range(20)]
            for number, connection in enumerate(connections):
                connection.sendall(b'%d' % number)
            for number, connection in reversed(list(enumerate(connections))):
                assert connection.recv(100) == b'%d' % number
                connection.close()


def conversation(greeting, answers):
    """A server of lines: what is said starts with a key, and ends it is empty."""
    with socket.create_server((HOST, 0)) as listener:
        told(listener.getsockname()[1])
        connection, _ = listener.accept()
        with connection, connection.makefile('rw', newline='\r\n') as file:
            file.write(greeting + '\n')
            file.flush()
            for line in file:
                answer = answers(line.strip(), connection)
                if answer:
                    file.write(answer + '\n')
                    file.flush()
                if line.startswith('QUIT') or line.startswith('quit'):
                    break


class smtplib_:
    def serve():
        state = []

        def answers(line, _connection):
            if state and line != '.':
                return None
            word = line.split()[0].upper()
            if word == 'DATA':
                state.append(True)
                return '354 go on'
            state.clear()
            return '221 bye' if word == 'QUIT' else '250 fine'

        conversation('220 hello', answers)

    def ask(port):
        with smtplib.SMTP(HOST, port, local_hostname='localhost', timeout=10) as smtp:
            refused = smtp.sendmail('a@example.com', ['b@example.com'], 'Subject: x\r\n\r\ny\r\n')
            assert refused == {}


class ftplib_:
    def serve():
        passive = []

        def answers(line, _connection):
            match line.split():
                case ['PASV']:
                    passive.append(socket.create_server((HOST, 0)))
                    high, low = divmod(passive[0].getsockname()[1], 256)
                    return f'227 here (127,0,0,1,{high},{low})'
                case ['RETR', name]:
                    data, _ = passive[0].accept()
                    data.sendall(f'the file {name}'.encode())
                    data.close()
                    passive.pop().close()
                    return '150 coming\n226 sent'
                case ['QUIT']:
                    return '221 bye'
                case ['USER', _]:
                    return '331 password'
                case ['PASS', *_]:
                    return '230 welcome'
                case _:
                    return '200 fine'

        conversation('220 hello', answers)

    def ask(port):
        received = []
        with ftplib.FTP() as ftp:
            ftp.connect(HOST, port, 10)
            ftp.login()
            ftp.retrbinary('RETR x.txt', received.append)
        assert b''.join(received) == b'the file x.txt'


module, role, *port = sys.argv[1:]
cases = globals()[module + '_']
if role == 'serve':
    cases.serve()
else:
    cases.ask(int(port[0]))
    print('done')
