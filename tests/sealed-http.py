#!/usr/bin/env python3
"""Runs http-get, sealed, on jco: `sealed-http.py CAPSOCK GUESTS JCO`, where JCO is a
directory with `npm install @bytecodealliance/jco @bytecodealliance/preview2-shim`."""

import http.server
import pathlib
import socket
import subprocess
import sys
import threading

INVALID, DENIED = "ErrorCode::HttpRequestUriInvalid", "ErrorCode::HttpRequestDenied"


class Server(http.server.BaseHTTPRequestHandler):
    requests = []

    def do_GET(self):
        self.requests.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        pass


class Sealed:
    def __init__(self, capsock, guests, jco, name, grants):
        # Beneath JCO, where Node.js finds its packages.
        output = jco / name
        output.mkdir(exist_ok=True)
        component = output / "sealed.component.wasm"
        flags = [f"--{effect}={target}" for effect, target in grants]
        program = guests / "http-get.wasm"
        subprocess.run(
            [capsock, "seal", *flags, program, "-o", component], check=True, stdout=subprocess.PIPE
        )
        transpile = [jco / "node_modules/.bin/jco", "transpile", component]
        subprocess.run([*transpile, "-q", "-o", output, "--name", "sealed"], check=True)
        (output / "package.json").write_text('{ "type": "module" }')
        self.start = output / "start.mjs"
        self.start.write_text(
            "import { _setArgs } from '@bytecodealliance/preview2-shim/cli';\n"
            "_setArgs(['http-get', ...process.argv.slice(2)]);\n"
            "const { run } = await import('./sealed.js');\n"
            "try { await run.run(); process.exit(0); } catch (e) { if (e?.stack) console.error(e); process.exit(1); }\n"
        )

    def get(self, *arguments):
        got = subprocess.run(["node", self.start, *arguments], capture_output=True, text=True, timeout=60)
        return got.stdout.strip(), got.stderr


def serve(kind, host):
    server = kind((host, 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Server6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


def main():
    capsock, guests, jco = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
    port = serve(http.server.ThreadingHTTPServer, "127.0.0.1")
    other = serve(http.server.ThreadingHTTPServer, "127.0.0.1")
    port6 = serve(Server6, "::1")
    failures = []

    def check(grants, arguments, printed, told="", is_seen=False):
        Server.requests.clear()
        out, err = sealed(grants).get(*arguments)
        held = printed in out and told in err and bool(Server.requests) == is_seen
        print("ok  " if held else "FAIL", *arguments, "->", out, "|", err.strip().replace("\n", " / ")[:300])
        if not held:
            failures.append(arguments)

    def sealed(grants):
        if grants not in made:
            made[grants] = Sealed(capsock, guests, jco, f"sealed-http-{len(made)}", grants)
        return made[grants]

    made = {}
    allow = "allow-connect"
    one = ((allow, f"tcp://127.0.0.1:{port}"),)
    check(one, ("http", f"127.0.0.1:{port}", "/x?y"), "200 hello", is_seen=True)
    check(one, ("http", f"127.0.0.1:{other}", "/"), DENIED, "denied connect tcp://127.0.0.1:")
    check(one, ("http", "127.0.0.1", "/"), DENIED, "denied connect tcp://127.0.0.1:80")
    check(one, ("https", "127.0.0.1", "/"), DENIED, "denied connect tcp://127.0.0.1:443")
    check(one, ("-", "127.0.0.1", "/"), DENIED, "denied connect tcp://127.0.0.1:443")
    check(one, ("http", f"localhost:{port}", "/"), DENIED, f"denied connect tcp://[::1]:{port}")
    check(one, ("http", "name.invalid", "/"), DENIED, "denied resolve name.invalid")
    check(one, ("http", f"[::1]:{port6}", "/"), "the host has no such request")
    # Of what follows, jco itself has refused some before.
    for authority in ["-", "", f"user@127.0.0.1:{port}", f"u:p@127.0.0.1:{port}", "127.1",
                      f"0x7f.0.0.1:{port}", f"2130706433:{port}", "127.0.0.1:0", f"127.0.0.1.:{port}"]:
        check(one, ("http", authority, "/"), "")
    for path in ["@192.0.2.1/", "//192.0.2.1/", "*"]:
        check(one, ("http", f"127.0.0.1:{port}", path), INVALID)
    check(one, ("other:ws", f"127.0.0.1:{port}", "/"), "ErrorCode::HttpProtocolError")
    local = ((allow, f"tcp://localhost:{port}"),)
    check(local, ("http", f"localhost:{port}", "/"), "200 hello", is_seen=True)
    name = ((allow, f"tcp://name.invalid:{port}"),)
    check(name, ("http", f"name.invalid:{port}", "/"), "ErrorCode::DnsError")
    sys.exit(bool(failures))


main()
