"""The files of a directory by HTTP: web-server.py HOST PORT DIRECTORY"""

import sys
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from socket import AF_INET6

host, port, directory = sys.argv[1:]


class Server(HTTPServer):
    address_family = AF_INET6 if ':' in host else HTTPServer.address_family


class Handler(SimpleHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body[::-1])


with Server((host, int(port)), partial(Handler, directory=directory)) as server:
    print('port', server.server_port, flush=True)
    server.serve_forever()
