"""Runs modules of CPython's own tests and tells each outcome, a line of JSON each:

    suite.py MODULE [DONE]     the tests of test.MODULE, without those that DONE lists

It runs in a guest, and natively.
"""

import importlib
import json
import os
import sys
import unittest

if os.path.exists('/suite/test'):
    # After what the interpreter has itself.
    sys.path.append('/suite')

from test import support

# What a guest cannot have, so that tests which need it say so.
if os.uname().machine == 'wasm32':
    support.has_fork_support = support.has_subprocess_support = False
support.verbose = False
support.use_resources = ['cpu', 'walltime']


class Result(unittest.TestResult):
    def tell(self, **what):
        print(json.dumps(what), file=sys.__stderr__, flush=True)

    def startTest(self, test):
        super().startTest(test)
        self.outcome = 'pass', ''
        self.tell(start=test.id())

    def stopTest(self, test):
        super().stopTest(test)
        self.tell(end=test.id(), outcome=self.outcome)

    def wrong(self, test, error):
        kind, value, _ = error
        text = str(value).strip().split('\n')[0]
        if not hasattr(test, '_testMethodName'):
            # setUpClass or setUpModule.
            self.tell(rest=test.id(), outcome=('fail', f'{kind.__name__}: {text}'))
        elif self.outcome[0] != 'fail':
            self.outcome = 'fail', f'{kind.__name__}: {text}'

    def addError(self, test, error):
        self.wrong(test, error)

    addFailure = addError

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.wrong(test, error)

    def addUnexpectedSuccess(self, test):
        self.outcome = 'fail', 'it was expected to fail'

    def addSkip(self, test, reason):
        if not hasattr(test, '_testMethodName'):
            self.tell(rest=test.id(), outcome=('skip', reason))
        else:
            self.outcome = 'skip', reason


def flat(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flat(test)
        else:
            yield test


def main(name, done=None):
    # Files of tests are made here.
    os.chdir(os.path.dirname(done) if done else '.')
    done = set(open(done).read().split('\n')) if done else set()
    result = Result()
    try:
        module = importlib.import_module(f'test.{name}')
    except unittest.SkipTest as reason:
        result.tell(rest=f'test.{name}', outcome=('skip', str(reason)))
        return
    tests = flat(unittest.defaultTestLoader.loadTestsFromModule(module))
    tests = [test for test in tests if test.id() not in done]
    result.tell(tests=[test.id() for test in tests])
    unittest.TestSuite(tests).run(result)
    result.tell(over=True)
    # Threads that a test left behind are no reason to wait.
    sys.stdout.flush()
    os._exit(0)


main(*sys.argv[1:])
