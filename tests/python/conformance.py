"""Runs CPython's own tests of networks and threads in a guest, and natively beside it.

    conformance.py -o REPORT CAPSOCK PYTHON_WASM PYTHON STANDARD    all, to a report
    conformance.py --check REPORT …                                what passed has to pass
    conformance.py --only PATTERN …                                some of them

PYTHON is the CPython of this machine of the same version, and STANDARD the directory of
its source that has `test`.
"""

import argparse
import collections
import concurrent.futures
import fnmatch
import json
import os
import re
import select
import shlex
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# Seconds for one test.
PATIENCE = 120
MODULES = """
test_socket test_ssl test_select test_poll test_epoll test_selectors test_socketserver
test_timeout test_httpservers test_httplib test_urllib2_localnet test_ftplib test_poplib
test_imaplib test_smtplib test_xmlrpc test_thread test_threading test_threading_local
test_threadsignals test_queue test_sched test_logging
test_asyncio.test_base_events test_asyncio.test_buffered_proto test_asyncio.test_context
test_asyncio.test_eager_task_factory test_asyncio.test_events test_asyncio.test_futures
test_asyncio.test_futures2 test_asyncio.test_locks test_asyncio.test_pep492
test_asyncio.test_proactor_events test_asyncio.test_protocols test_asyncio.test_queues
test_asyncio.test_runners test_asyncio.test_selector_events test_asyncio.test_sendfile
test_asyncio.test_server test_asyncio.test_sock_lowlevel test_asyncio.test_ssl
test_asyncio.test_sslproto test_asyncio.test_staggered test_asyncio.test_streams
test_asyncio.test_subprocess test_asyncio.test_taskgroups test_asyncio.test_tasks
test_asyncio.test_threads test_asyncio.test_timeouts test_asyncio.test_transports
test_asyncio.test_unix_events test_asyncio.test_waitfor
test_concurrent_futures.test_as_completed test_concurrent_futures.test_future
test_concurrent_futures.test_init test_concurrent_futures.test_shutdown
test_concurrent_futures.test_thread_pool test_concurrent_futures.test_wait
""".split()

FLAGS = shlex.split("""
--allow-listen ip://loopback:*,ephemeral --allow-listen ip://0.0.0.0:*,ephemeral --allow-listen ip://[::]:*,ephemeral
--allow-connect ip://loopback:*
--allow-bind ip://loopback:*,ephemeral --allow-bind ip://0.0.0.0:*,ephemeral --allow-bind ip://[::]:*,ephemeral
--allow-send ip://loopback:*
--allow-recv ip://loopback:*
--allow-listen mptcp://loopback:*,ephemeral --allow-listen mptcp://0.0.0.0:*,ephemeral --allow-listen mptcp://[::]:*,ephemeral
--allow-connect mptcp://loopback:*
--allow-bind mptcp://loopback:*,ephemeral --allow-bind mptcp://0.0.0.0:*,ephemeral --allow-bind mptcp://[::]:*,ephemeral
--allow-bind udplite://loopback:*,ephemeral --allow-bind udplite://0.0.0.0:*,ephemeral --allow-bind udplite://[::]:*,ephemeral
--allow-send udplite://loopback:*
--allow-recv udplite://loopback:*
--allow-listen unix:/tmp/ --allow-connect unix:/tmp/ --allow-send unix:/tmp/ --allow-bind unix:/tmp/
--allow-listen unix-abstract:* --allow-bind unix-abstract:* --allow-connect unix-abstract:*
--allow-pass-fd * --allow-take-fd '* of=socket,file,pipe,writable-file,writable-pipe' --allow-interfaces --allow-resolve *
--allow-option so-bindtodevice --allow-raw packet://lo --allow-raw netlink://*
--limit memory=2GiB --limit threads=2000
""")

# Why tests cannot pass, for the report: the first pattern that matches.
EXPLAINED = {
    'test_threading.ThreadTests.test_PyThreadState_SetAsyncExc': 'ctypes finds no function of C by its name in a guest',
    'test_socket.SendRecvFdsTests.testSendAndRecvFds': 'it sends a pipe, and a guest sends sockets and regular files',
    'test_socket.TestUnixDomain.testUnencodableAddr': 'names of files are UTF-8 in WASI',
    'test_socket.GeneralModuleTests.test_sethostname': 'the report is written without the grant to set the name of the machine',
    'test_httpservers.SimpleHTTPServerTestCase.test_list_dir_un*': 'names of files are UTF-8 in WASI',
    'test_httpservers.SimpleHTTPServerTestCase.test_get': 'a guest cannot change the mode of a file',
    'test_asyncio.test_events.*pty*': 'a guest has no pseudo-terminals',
    'test_asyncio.test_unix_events.*.test_create_unix_server_existing_path_nonsock': 'a file that is no socket is not told of: EACCES, and not EADDRINUSE',
}


class Run:
    """The tests of a module, by as many processes as it takes."""

    def __init__(self, command, module, work):
        self.command, self.module, self.work = command, module, work
        self.outcomes = {}
        self.all = None

    def whole(self):
        for _ in range(60):
            before = len(self.outcomes)
            if self.once() or len(self.outcomes) == before:
                break
        return self.outcomes

    def once(self):
        """Whether the module came to its end."""
        done = os.path.join(self.work, 'done')
        with open(done, 'w') as file:
            file.write('\n'.join(self.outcomes))
        output = open(os.path.join(self.work, 'output'), 'a')
        process = subprocess.Popen(
            [*self.command, self.module, done], cwd=self.work, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.PIPE,
        )
        current, over, last, heard = None, False, '', time.monotonic()
        with process, output:
            buffer = b''
            while not over:
                left = heard + PATIENCE - time.monotonic()
                if left <= 0 or not select.select([process.stderr], [], [], left)[0]:
                    last = f'it does not end in {PATIENCE} s'
                    break
                data = os.read(process.stderr.fileno(), 65536)
                if not data:
                    break
                buffer += data
                *lines, buffer = buffer.split(b'\n')
                for line in lines:
                    told = None
                    if b'{"' in line:
                        try:
                            told = json.loads(line[line.index(b'{"'):])
                        except ValueError:
                            pass
                    if not isinstance(told, dict):
                        last = line.decode(errors='replace').strip() or last
                        output.write(line.decode(errors='replace') + '\n')
                        continue
                    heard = time.monotonic()
                    over |= 'over' in told
                    current = told.get('start', current)
                    if 'tests' in told and self.all is None:
                        self.all = told['tests']
                    if 'rest' in told:
                        self.rest(told['rest'], told['outcome'])
                        over |= told['rest'] == f'test.{self.module}'
                    if 'end' in told:
                        self.outcomes[told['end']] = tuple(told['outcome'])
                        current = None
            process.kill()
        if over:
            return True
        if current:
            self.outcomes[current] = 'fail', last or 'it ended silently'
        elif not self.outcomes:
            self.outcomes[f'test.{self.module}'] = 'fail', last
        return False

    def rest(self, what, outcome):
        """A class or a module whose preparation went wrong or was skipped."""
        inside = re.sub(r'.*\((.*)\)', r'\1', what)
        found = [name for name in self.all or () if name.startswith(inside)]
        for name in found or [what]:
            self.outcomes.setdefault(name, tuple(outcome))


class Conductor:
    def __init__(self, arguments):
        self.arguments = arguments

    def run(self, module, in_guest):
        """name → (outcome, reason)"""
        arguments = self.arguments
        library = os.path.abspath(arguments.standard)
        with tempfile.TemporaryDirectory(prefix='capsock-suite-', dir='/tmp') as work:
            script = os.path.join(HERE, 'suite.py')
            if not in_guest:
                # Its own tests may be of another patch release, or absent.
                packages = os.path.join(work, 'packages')
                os.mkdir(packages)
                os.symlink(os.path.join(library, 'test'), os.path.join(packages, 'test'))
                command = ['env', f'PYTHONPATH={packages}', os.path.abspath(arguments.python), script]
            else:
                command = [os.path.abspath(arguments.capsock), 'run', *FLAGS]
                command += ['--dir', f'{library}::/suite:ro', '--dir', work, '--env', f'TMPDIR={work}']
                command += [os.path.abspath(arguments.wasm), script]
            return Run(command, module, work).whole()


def reason_of(name, outcome, reason):
    if outcome != 'fail':
        return reason
    why = (why for pattern, why in EXPLAINED.items() if fnmatch.fnmatch(name, pattern))
    return '; '.join([*(why for why in [next(why, '')] if why), reason])


def shown(reason):
    """Without what differs from run to run."""
    reason = re.sub(r'\s+', ' ', reason).replace('|', '\\|')[:160]
    return re.sub(r'0x[0-9a-f]{6,}|/tmp/\S+|\b\d{5,}\b', '…', reason)


def read_report(path):
    with open(path) as file:
        rows = (line.split('|') for line in file if line.startswith('| `'))
        return {cells[1].strip(' `') for cells in rows if cells[2].strip() == 'pass'}


def write_report(path, results, natively):
    count = collections.Counter(outcome for outcome, _ in results.values())
    table = collections.defaultdict(collections.Counter)
    for name, (outcome, _) in results.items():
        module = next(m for m in MODULES if name.startswith(f'test.{m}'))
        table[module][outcome] += 1
    lines = [
        "# CPython's own tests in a guest",
        '',
        'Written by `just python-conformance`; do not edit. The tests are those of the source that',
        '`python.wasm` is built from; each failure that CPython does not have natively on the same',
        'machine has its reason.',
        '',
        ', '.join(f'{number} {outcome}' for outcome, number in sorted(count.items())) + '.',
        '',
        '| module | pass | skip | fail |',
        '| --- | --- | --- | --- |',
    ]
    for module in MODULES:
        numbers = table[module]
        lines.append(f"| {module} | {numbers['pass']} | {numbers['skip']} | {numbers['fail']} |")
    lines += ['', '## Failures', '', '| test | natively | reason |', '| --- | --- | --- |']
    for name, (outcome, reason) in results.items():
        if outcome == 'fail':
            native = natively.get(name, ('', ''))[0]
            lines.append(f"| {name.removeprefix('test.')} | {native} | {shown(reason)} |")
    lines += ['', '## All', '', '| test | outcome | reason |', '| --- | --- | --- |']
    for name, (outcome, reason) in results.items():
        reason = '' if outcome == 'fail' else shown(reason)
        lines.append(f"| `{name.removeprefix('test.')}` | {outcome} | {reason} |")
    with open(path, 'w') as file:
        file.write('\n'.join(lines) + '\n')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('-o', '--output')
    parser.add_argument('--check')
    parser.add_argument('--only', default='*', help='a pattern of modules')
    for name in ('capsock', 'wasm', 'python', 'standard'):
        parser.add_argument(name)
    arguments = parser.parse_args()
    conductor = Conductor(arguments)
    results, natively = {}, {}
    modules = [module for module in MODULES if fnmatch.fnmatch(module, arguments.only)]

    def one(module):
        began = time.monotonic()
        outcomes = conductor.run(module, True)
        failed = any(outcome == 'fail' for outcome, _ in outcomes.values())
        native = conductor.run(module, False) if failed and not arguments.check else {}
        print(f'{module}: {len(outcomes)} tests, {time.monotonic() - began:.0f} s', file=sys.stderr)
        return outcomes, native

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for outcomes, native in pool.map(one, modules):
            natively |= native
            for name, (outcome, reason) in outcomes.items():
                results[name] = outcome, reason_of(name.removeprefix('test.'), outcome, reason)
    for name, (outcome, reason) in results.items():
        if outcome == 'fail':
            native = natively.get(name, ('?', ''))[0]
            print(f'fail: {name} (natively {native}): {reason[:200]}')
    for outcome in ('pass', 'skip', 'fail'):
        print(outcome, sum(result[0] == outcome for result in results.values()))
    if arguments.output:
        write_report(arguments.output, results, natively)
    if arguments.check:
        passed = read_report(arguments.check)

        def broken(results):
            return {
                name: reason
                for name, (outcome, reason) in results.items()
                if outcome == 'fail' and name.removeprefix('test.') in passed
            }

        # Some have their own limits of time, and the machine is busy.
        first = broken(results)
        again = {}
        for module in modules if first else ():
            if any(name.startswith(f'test.{module}.') for name in first):
                again |= broken(conductor.run(module, True))
        twice = [f'{name}: {reason}; again: {again[name]}' for name, reason in first.items() if name in again]
        if twice:
            sys.exit('these passed before:\n' + '\n'.join(twice))


main()
