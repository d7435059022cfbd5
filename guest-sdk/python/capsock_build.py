"""Builds components: the interpreter, or one of an application.

    python3 -m capsock_build -o python.wasm
    python3 -m capsock_build app.py -o app.wasm --path LIBRARIES

It runs on the machine that builds, not in a guest, and calls componentize-py.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import capsock_repair

_HERE = pathlib.Path(__file__).resolve().parent

# Runs in the interpreter of the component, while it is built.
_PROGRAM = '''\
import os, sys
import capsock
from capsock import command, store
# What most programs import, and what the end of a program needs.
import argparse, asyncio, http.client, http.server, json, linecache, runpy, selectors
import socket, socketserver, threading, tokenize, traceback, urllib.request
{imports}
for directory in sys.path:
    if os.path.isdir(directory):
        store.keep(directory)
store.activate()
sys.path[:] = [path for path in sys.path if not path.startswith("/python/")]

class Run:
    def run(self):
        command.run({program})
'''


def build(output, application=None, libraries=(), wit=_HERE.parents[1] / "wit", quiet=False):
    """Builds a component: of an application, a script or a package with
    `__main__`, or else the interpreter."""
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        paths = [work, _HERE, *libraries]
        if application is None:
            world, imports = "interpreter", "import wit_world.imports.script"
            program = "command.interpreter"
        else:
            application = pathlib.Path(application).resolve()
            name = application.stem
            if not name.isidentifier():
                sys.exit(f"{application}: its name has to be one that Python can import")
            paths.append(application.parent)
            world, imports = "program", ""
            program = f"lambda: command.module({name!r})"
        (work / "capsock_program.py").write_text(
            _PROGRAM.format(imports=imports, program=program)
        )
        command = ["componentize-py", "-d", wit, "-d", _HERE / "wit"]
        command += ["-w", f"capsock:python/{world}", "componentize"]
        for path in paths:
            command += ["-p", path]
        command += ["capsock_program", "-o", output]
        # Otherwise it takes in whatever this machine's Python has installed.
        environment = os.environ | {"VIRTUAL_ENV": str(work)}
        pipe = subprocess.PIPE if quiet else None
        built = subprocess.run(
            command, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )
    if built.returncode:
        sys.exit(f"{built.stdout or ''}componentize-py failed: {built.returncode}")
    _repair(pathlib.Path(output))


def _repair(output):
    told = subprocess.run(["componentize-py", "--version"], stdout=subprocess.PIPE, text=True)
    version = told.stdout.split()[-1]
    if version != capsock_repair.VERSION:
        print(
            f"{output}: it may leak what it sends: componentize-py is {version}, and the repair"
            f" is for {capsock_repair.VERSION}",
            file=sys.stderr,
        )
        return
    try:
        output.write_bytes(capsock_repair.repair(output.read_bytes()))
    except ValueError as error:
        output.unlink()
        sys.exit(f"{output}: it is not as componentize-py {version} builds it: {error}")


def main():
    parser = argparse.ArgumentParser(prog="capsock_build", description=__doc__)
    parser.add_argument("application", nargs="?", help="a script, or a package with __main__")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--path", action="append", default=[], help="where its modules are")
    parser.add_argument("-v", "--verbose", action="store_true")
    arguments = parser.parse_args()
    build(
        arguments.output, arguments.application, arguments.path, quiet=not arguments.verbose
    )


if __name__ == "__main__":
    main()
