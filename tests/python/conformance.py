"""Runs CPython's test_socket with the guest as its subject.

    conformance.py -o REPORT CAPSOCK PYTHON_WASM SUITE    all tests, to a report
    conformance.py --check REPORT …                       what passed has to pass
    conformance.py --only PATTERN …                       some of them

Tests without a second thread run in the guest. The others have two halves, which
CPython runs in two threads of one process; here one runs in the guest and one in
CPython, and then the other way round. What the threads share by being in one
process goes over a Unix socket: events, plain attributes of the test, and the
other end of a socket pair (SCM_RIGHTS).
"""

import argparse
import fnmatch
import json
import os
import pickle
import re
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time
import types
import unittest

PATIENCE = 20
PLAIN = (bool, int, float, str, bytes, bytearray, tuple, list, dict, type(None))
MODES = {
    'alone': 'in the guest',
    'server': 'server half in the guest',
    'client': 'client half in the guest',
}


# Why tests cannot pass, for the report.
EXPLAINED = {
    'CreateServerFunctionalTest.*': 'it needs a thread of its own',
    'SendRecvFdsTests.*': 'it passes pipes, which WASI has none of',
    'TestLinuxAbstractNamespace.testAutobind': 'no rule grants a name that the kernel chooses',
    'TestUnixDomain.testUnencodableAddr': 'WASI has no names of files that are not UTF-8',
    'TCPCloserTest.testClose': 'the halves use one socket',
    'ThreadedVSOCKSocketStreamTest.*': 'it asks /dev/vsock by ioctl',
    'GeneralModuleTests.testNtoHErrors': 'of CPython 3.11; 3.14 raises ValueError here too',
    'GeneralModuleTests.test_idna': 'of CPython 3.11; 3.14 has no nntplib',
    'GeneralModuleTests.testRefCountGetNameInfo': 'it counts the references of a function in C',
}

# The halves, in the guest or in CPython.


class Remote:
    """A socket of the other half."""

    def __init__(self, sock):
        self.family, self.type, self.proto = map(int, (sock.family, sock.type, sock.proto))
        self.name = sock.getsockname()

    def getsockname(self):
        return self.name


class Channel:
    """Messages to the other half, about one test at a time."""

    def __init__(self, connection):
        self.connection = connection
        self.serial = 0
        self.test = None

    def send(self, *message, sockets=()):
        data = pickle.dumps(message)
        fds = [sock.fileno() for sock in sockets]
        head = struct.pack('II', len(data), len(fds))
        if fds:
            socket.send_fds(self.connection, [head], fds)
        else:
            self.connection.sendall(head)
        self.connection.sendall(data)

    def receive(self, timeout=None):
        if not select.select([self.connection], [], [], timeout)[0]:
            return None
        head, fds, _, _ = socket.recv_fds(self.connection, 8, 4)
        if len(head) < 8:
            raise EOFError('the other half has ended')
        length, _ = struct.unpack('II', head)
        data = b''
        while len(data) < length:
            data += self.connection.recv(length - len(data))
        return *pickle.loads(data), [socket.socket(fileno=fd) for fd in fds]

    def tell(self, event, verb):
        """An event, with what the other half may want to know by then."""
        name = next(name for name, value in vars(self.test).items() if value is event)
        plain, sockets = {}, {}
        for key, value in vars(self.test).items():
            if key.startswith('_') or key in ('queue', 'server_ready', 'client_ready', 'done'):
                continue
            if isinstance(value, Event):
                plain[key] = 'event'
            elif isinstance(value, PLAIN):
                try:
                    pickle.dumps(value)
                except Exception:
                    continue
                plain[key] = 'plain', value
            elif isinstance(value, socket.socket) and value.fileno() >= 0:
                # A client that the server half made is one end of a pair.
                if key == 'cli' and self.is_server:
                    sockets[key] = value
                else:
                    try:
                        plain[key] = 'socket', Remote(value)
                    except OSError:
                        pass
        self.send(verb, self.serial, name, plain, list(sockets), sockets=sockets.values())
        for sock in sockets.values():
            sock.close()

    def apply(self, plain, names, sockets):
        mine = vars(self.test)
        for key, value in plain.items():
            if value == 'event':
                mine.setdefault(key, Event())
            elif not self.is_server and not isinstance(mine.get(key), (Event, socket.socket)):
                mine[key] = value[1]
            elif mine.get(key) is None:
                mine[key] = value[1]
        for key, sock in zip(names, sockets):
            # The host has made it one that does not block.
            sock.settimeout(PATIENCE)
            mine[key] = sock

    def next(self, timeout=None):
        """Takes in one message about this test; `False` after the timeout."""
        message = self.receive(timeout)
        if message is None:
            return False
        verb, serial, name, plain, names, sockets = message
        if serial == self.serial and self.test is not None:
            self.apply(plain, names, sockets)
            event = getattr(self.test, name)
            event.flag = verb == 'set'
        return True


class Event:
    """threading.Event between the halves."""

    def __init__(self):
        self.flag = False

    def is_set(self):
        return self.flag

    def set(self):
        self.flag = True
        channel.tell(self, 'set')

    def clear(self):
        self.flag = False
        channel.tell(self, 'clear')

    def wait(self, timeout=None):
        while not self.flag:
            if not channel.next(timeout):
                return False
        return True


class Done(Event):
    """The end of the client half, with what it has to clean up."""

    def set(self):
        channel.test.doCleanups()
        super().set()


class Threading:
    """The module `threading` for the tests."""

    Event = Event

    def __getattr__(self, name):
        import threading

        return getattr(threading, name)


class Thread:
    """The module `_thread` for the tests: the other thread is the other half."""

    def start_new_thread(self, function, args):
        if function.__name__ != 'clientRun':
            raise RuntimeError("can't start new thread")
        channel.test = function.__self__
        channel.serial += 1
        channel.send('test', channel.serial, channel.test.id(), {}, [])

    def __getattr__(self, name):
        import _thread

        return getattr(_thread, name)


def tests():
    """Those of the module, by name."""
    from test import support

    # It takes WASI for a system without sockets.
    support.has_socket_support = True
    try:
        import _testcapi
    except ImportError:
        # A module in C, of which the tests use the limits of C's types.
        sys.modules['_testcapi'] = types.SimpleNamespace(
            INT_MAX=2**31 - 1, INT_MIN=-(2**31), UINT_MAX=2**32 - 1, USHRT_MAX=2**16 - 1,
            LONG_MAX=2**63 - 1, LONG_MIN=-(2**63), ULONG_MAX=2**64 - 1, LLONG_MAX=2**63 - 1,
            LLONG_MIN=-(2**63), PY_SSIZE_T_MAX=2**63 - 1, PY_SSIZE_T_MIN=-(2**63),
        )
    # It leaves out tests by the platform: the kernel beneath is Linux.
    platform, sys.platform = sys.platform, 'linux'
    from test import test_socket

    sys.platform = platform
    # Both halves make the same file.
    set_up = test_socket.SendfileUsingSendTest.setUpClass.__func__

    def set_up_alike(kind):
        test_socket.random.seed(1)
        set_up(kind)

    test_socket.SendfileUsingSendTest.setUpClass = classmethod(set_up_alike)
    found = {}

    def collect(suite):
        for test in suite:
            if isinstance(test, unittest.TestSuite):
                collect(test)
            else:
                found[test.id()] = type(test), test._testMethodName

    collect(unittest.defaultTestLoader.loadTestsFromModule(test_socket))
    return found


class Result(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self.outcome = 'pass', ''
        tell(start=test.id())

    def stopTest(self, test):
        super().stopTest(test)
        tell(end=test.id(), outcome=self.outcome)

    def of_class(self, holder):
        """Of all tests of a class, or of the module, whose set-up ends so."""
        tell(rest=holder.id(), outcome=self.outcome)

    def addSkip(self, test, reason):
        self.outcome = 'skip', reason
        if not isinstance(test, unittest.TestCase):
            self.of_class(test)

    def addError(self, test, error):
        kind, value, trace = error
        why = ''.join(__import__('traceback').format_exception(*error))
        self.outcome = 'fail', f'{kind.__name__}: {value}'
        print(why, file=sys.stderr)
        if not isinstance(test, unittest.TestCase):
            self.of_class(test)

    addFailure = addError

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.addError(test, error)

    def addExpectedFailure(self, test, error):
        pass


def tell(**what):
    print(json.dumps(what), flush=True)


def run_half(role, path, names):
    global channel
    # For the files of tests.
    os.chdir(os.path.dirname(path))
    found = tests()
    from test import test_socket

    channel = None
    if role != 'alone':
        test_socket.threading, test_socket.thread = Threading(), Thread()
    if role == 'client':
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            tell(ready=True)
            channel = Channel(listener.accept()[0])
        channel.is_server = False
        return serve_client_halves(found)
    if role == 'server':
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        channel = Channel(connection)
        channel.is_server = True
    result = Result()
    suite = unittest.TestSuite(kind(method) for kind, method in map(found.get, names))
    suite.run(result)
    tell(over=True)


def serve_client_halves(found):
    prepared = None
    while True:
        try:
            verb, serial, name, *_ = channel.receive()
        except EOFError:
            return
        if verb != 'test':
            continue
        kind, method = found[name]
        if kind is not prepared:
            if prepared:
                prepared.tearDownClass()
            kind.setUpClass()
            prepared = kind
        test = channel.test = kind(method)
        channel.serial = serial
        import queue

        test.server_ready, test.client_ready, test.done = Event(), Event(), Done()
        test.queue, test.server_crashed = queue.Queue(1), False
        outcome = 'pass', ''
        try:
            test.clientRun(getattr(test, '_' + method))
        except SystemExit:
            pass
        except EOFError:
            return
        except BaseException as error:
            outcome = 'fail', f'client half: {type(error).__name__}: {error}'
        test.doCleanups()
        if test.queue.qsize():
            error = test.queue.get()
            if not isinstance(error, unittest.SkipTest):
                outcome = 'fail', f'client half: {type(error).__name__}: {error}'
                import traceback

                traceback.print_exception(error)
            else:
                outcome = 'skip', f'client half: {error}'
        # The event was sent already, and this is for the one that compares.
        tell(client=name, outcome=outcome)


# The conductor, in CPython.


class Half:
    def __init__(self, command, environment):
        self.errors = tempfile.TemporaryFile('w+')
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors,
            env=environment,
        )
        self.buffer = b''

    def line(self, timeout):
        """The next thing that it tells; `None` at its end or after the timeout."""
        end = time.monotonic() + timeout
        while b'\n' not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return None
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return None
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b'\n')
        try:
            return json.loads(line)
        except ValueError:
            return {}

    def end(self):
        alive = self.process.poll() is None
        self.process.kill()
        self.process.wait()
        self.errors.seek(0)
        lines = [line for line in self.errors.read().splitlines() if line.strip()]
        return 'it does not end' if alive else f'it ended: {lines[-1] if lines else "silently"}'


class Conductor:
    def __init__(self, arguments):
        self.capsock = arguments.capsock
        self.wasm = arguments.wasm
        self.suite = os.path.abspath(arguments.suite)
        # Both halves have it.
        self.work = tempfile.mkdtemp(dir='/tmp')

    def half(self, in_guest, role, path, names=()):
        listed = os.path.join(self.work, f'names-{role}')
        with open(listed, 'w') as file:
            file.write('\n'.join(names))
        arguments = ['--half', role, path, listed]
        if in_guest:
            command = [self.capsock, 'run', '--record', '/dev/null']
            command += ['--dir', f'{self.suite}:ro', '--dir', '/tmp']
            command += ['--env', f'PYTHONPATH={self.suite}', self.wasm, __file__]
            return Half(command + arguments, os.environ)
        environment = os.environ | {'PYTHONPATH': self.suite}
        return Half([sys.executable, __file__, *arguments], environment)

    def run(self, mode, names):
        """name → (outcome, reason)"""
        outcomes = {}
        left = list(names)
        while left:
            before = len(left)
            self.session(mode, left, outcomes)
            left = [name for name in left if name not in outcomes]
            if len(left) == before:
                sys.exit(f'{MODES[mode]}: the halves cannot be started')
        return outcomes

    def session(self, mode, names, outcomes):
        """Runs tests until they are done, or one goes so wrong that the processes
        have to be new ones."""
        path = os.path.join(tempfile.mkdtemp(dir=self.work), 'channel')
        client = None
        if mode != 'alone':
            client = self.half(mode == 'client', 'client', path)
            if not client.line(PATIENCE):
                print('client half:', client.end(), file=sys.stderr)
                return
        role = 'alone' if mode == 'alone' else 'server'
        server = self.half(mode != 'client', role, path, names)
        current = None
        while True:
            told = server.line(PATIENCE)
            if told is None or 'over' in told:
                break
            current = told.get('start', current)
            if 'rest' in told:
                kind = re.sub(r'.*\((.*)\)', r'\1', told['rest'])
                for name in names:
                    if name.startswith(kind) and name not in outcomes:
                        outcomes[name] = tuple(told['outcome'])
            if 'end' in told:
                outcomes[told['end']] = tuple(told['outcome'])
                current = None
        if current:
            outcomes[current] = 'fail', server.end()
        else:
            why = server.end()
            if not outcomes:
                print('server half:', why, file=sys.stderr)
        if client:
            while told := client.line(0.5):
                if 'client' in told and told['outcome'][0] != 'pass':
                    if outcomes.get(told['client'], ('skip',))[0] != 'skip':
                        outcomes[told['client']] = tuple(told['outcome'])
            client.end()


def threaded(kind):
    return any(base.__name__ == 'ThreadableTest' for base in kind.__mro__)


def read_report(path):
    """What passed, by the report."""
    passed = set()
    with open(path) as file:
        for line in file:
            cells = [cell.strip() for cell in line.split('|')]
            if len(cells) == 6 and cells[3] == 'pass':
                passed.add((cells[1].strip('`'), cells[2]))
    return passed


def write_report(path, results, version):
    count = {}
    for _, _, outcome, _ in results:
        count[outcome] = count.get(outcome, 0) + 1
    total = ', '.join(f'{number} {outcome}' for outcome, number in sorted(count.items()))
    lines = [
        "# CPython's test_socket in a guest",
        '',
        'Written by `just python-conformance`; do not edit. The tests are those of Debian\'s',
        f'`libpython3.11-testsuite`; the guest is CPython 3.14, the other half {version}.',
        '',
        f'{len(results)} runs: {total}.',
        '',
        '| test | run | outcome | reason |',
        '| --- | --- | --- | --- |',
    ]
    for name, mode, outcome, reason in results:
        reason = re.sub(r'\s+', ' ', reason).replace('|', '\\|')[:160]
        # What differs from run to run.
        reason = re.sub(r'0x[0-9a-f]{6,}|/tmp/\S+|\b\d{5}\b', '…', reason)
        lines.append(f"| `{name}` | {MODES[mode]} | {outcome} | {reason} |")
    with open(path, 'w') as file:
        file.write('\n'.join(lines) + '\n')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('-o', '--output')
    parser.add_argument('--check')
    parser.add_argument('--only', default='*')
    parser.add_argument('--leave-out', action='append', default=[])
    for name in ('capsock', 'wasm', 'suite'):
        parser.add_argument(name)
    arguments = parser.parse_args()
    sys.path.insert(0, arguments.suite)
    chosen = {
        name: kind
        for name, (kind, _) in tests().items()
        if fnmatch.fnmatch(name, arguments.only)
        and not any(fnmatch.fnmatch(name, pattern) for pattern in arguments.leave_out)
    }
    conductor = Conductor(arguments)
    results = []
    for mode in MODES:
        names = [name for name, kind in chosen.items() if threaded(kind) == (mode != 'alone')]
        began = time.monotonic()
        outcomes = conductor.run(mode, names)
        print(f'{MODES[mode]}: {len(names)} tests, {time.monotonic() - began:.0f} s', file=sys.stderr)
        for name in names:
            short = name.removeprefix('test.test_socket.')
            outcome, reason = outcomes[name]
            if outcome == 'fail':
                why = [why for pattern, why in EXPLAINED.items() if fnmatch.fnmatch(short, pattern)]
                reason = '; '.join(why + [reason])
            results.append((short, mode, outcome, reason))
    for name, mode, outcome, reason in results:
        if outcome == 'fail':
            print(f'fail: {name} ({MODES[mode]}): {reason[:200]}')
    for outcome in ('pass', 'skip', 'fail'):
        print(outcome, sum(result[2] == outcome for result in results))
    if arguments.output:
        write_report(arguments.output, results, f'CPython {sys.version.split()[0]}')
    if arguments.check:
        passed = read_report(arguments.check)
        broken = []
        for name, mode, outcome, reason in results:
            if outcome != 'pass' and (name, MODES[mode]) in passed:
                # Some have their own limits of time, and the machine is busy.
                full = f'test.test_socket.{name}'
                outcome, again = conductor.run(mode, [full])[full]
                if outcome != 'pass':
                    broken.append(f'{name} ({MODES[mode]}): {reason}; again: {again}')
        if broken:
            sys.exit('these passed before:\n' + '\n'.join(broken))


if sys.argv[1:2] == ['--half']:
    _, _, role, path, listed = sys.argv
    with open(listed) as file:
        names = file.read().split()
    run_half(role, path, names)
elif __name__ == '__main__':
    main()
