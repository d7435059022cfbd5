"""The command line of Python, as a component."""

import atexit
import builtins
import gc
import io
import os
import sys
import time
import types

from wit_world.imports import exit

_USAGE = """\
usage: python.wasm [-c cmd | -m mod | file | -] [arg] ...
Options:
-c cmd : program passed in as string (terminates option list)
-h     : print this help message and exit
-m mod : run library module as a script (terminates option list)
-u -B -E -I -q -s -S : accepted, and without effect
-V     : print the Python version number and exit
-W arg : warning control; arg is action:message:category:module:lineno
file   : program read from script file
-      : program read from stdin (default)
arg ...: arguments passed to program in sys.argv[1:]
"""
_WITHOUT_EFFECT = "uBEIqsSbdOPRvx"


class Exit(Exception):
    """The end of the program, with its exit code."""


def run(program):
    """Runs a program to its end, which ends the component."""
    _refresh()
    code = _outcome(program)
    exit.exit_with_code(_finish(code))


def interpreter():
    """What the command line asks for: `python.wasm …`"""
    name, arguments = _options(sys.argv[1:])
    kind, *rest = arguments or ["-"]
    match name:
        case "-c":
            sys.argv = ["-c", *rest]
            sys.path.insert(0, "")
            _run_source(kind, "<string>")
        case "-m":
            import runpy

            sys.argv = ["-m", *rest]
            sys.path.insert(0, os.getcwd())
            runpy._run_module_as_main(kind)
        case _ if kind == "-":
            sys.argv = ["-" if arguments else "", *rest]
            sys.path.insert(0, "")
            _run_source(sys.stdin.buffer.read(), "<stdin>")
        case _:
            sys.argv = [kind, *rest]
            source = _read_script(kind, len(sys.orig_argv) - len(rest) - 1)
            sys.path.insert(0, os.path.dirname(kind))
            _run_source(source, kind)


def module(name):
    """An application that is kept in the component."""
    import runpy

    runpy._run_module_as_main(name, alter_argv=False)


def _options(arguments):
    """The option that ends the list, and what follows."""
    while arguments:
        option, *rest = arguments
        if option in ("-c", "-m"):
            if not rest:
                _refuse(f"Argument expected for the {option} option")
            return option, rest
        if option[:2] in ("-c", "-m") and len(option) > 2:
            return option[:2], [option[2:], *rest]
        if option in ("-V", "--version"):
            print("Python", sys.version.split()[0])
            raise Exit(0)
        if option in ("-h", "--help"):
            print(_USAGE, end="")
            raise Exit(0)
        if option.startswith("-W") or option.startswith("-X"):
            value, rest = (option[2:], rest) if len(option) > 2 else (rest[:1], rest[1:])
            if not value:
                _refuse(f"Argument expected for the {option} option")
            if option.startswith("-W"):
                _warning(value if isinstance(value, str) else value[0])
        elif option == "--":
            return None, rest
        elif option == "-" or not option.startswith("-"):
            return None, arguments
        elif option[1:].strip(_WITHOUT_EFFECT):
            _refuse(f"unknown option {option}" if option[:2] == "--" else f"Unknown option: {option[:2]}")
        arguments = rest
    return None, []


def _refuse(why):
    print(why, file=sys.stderr)
    print("usage: python.wasm [option] ... [-c cmd | -m mod | file | -] [arg] ...", file=sys.stderr)
    print("Try `python.wasm -h' for more information.", file=sys.stderr)
    raise Exit(2)


def _warning(option):
    import warnings

    sys.warnoptions.append(option)
    warnings._processoptions([option])


def _read_script(path, argument):
    """A file of the guest, or else the one that the command line names."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except IsADirectoryError:
        main = os.path.join(path, "__main__.py")
        if os.path.exists(main):
            return _read_script(main, argument)
        print(f"python: can't find '__main__' module in {path!r}", file=sys.stderr)
        raise Exit(1) from None
    except OSError:
        pass
    from componentize_py_types import Err
    from wit_world.imports import script

    try:
        return script.read(argument)
    except Err as error:
        print(f"python: {error.value.message}", file=sys.stderr)
        raise Exit(error.value.exit_code) from None


def _run_source(source, path):
    """As `__main__`; its lines are kept for tracebacks."""
    import linecache

    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, __annotations__={})
    if not path.startswith("<"):
        main.__file__ = path
    try:
        text = source if isinstance(source, str) else _decode(source)
        lines = text.splitlines(keepends=True)
        linecache.cache[path] = len(text), None, lines, path
    except (SyntaxError, UnicodeError):
        pass  # compile() says what is wrong
    exec(compile(source, path, "exec", dont_inherit=True), main.__dict__)


def _decode(source):
    import tokenize

    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    return io.TextIOWrapper(io.BytesIO(source), encoding).read()


def _outcome(program):
    """Runs it, tells what went wrong as CPython does, and returns the code."""
    try:
        program()
    except Exit as end:
        return end.args[0]
    except SystemExit as end:
        return _exit_code(end.code)
    except KeyboardInterrupt:
        sys.excepthook(*_own(sys.exception()))
        return 130
    except BaseException as error:
        try:
            sys.excepthook(*_own(error))
        except SystemExit as end:
            return _exit_code(end.code)
        return 1
    return 0


def _own(error):
    """An exception without the frames of this package and of runpy."""
    traceback = error.__traceback__
    while traceback and _is_internal(traceback.tb_frame):
        traceback = traceback.tb_next
    # A syntax error of the program itself has no frames left.
    error.__traceback__ = traceback
    return type(error), error, traceback


def _is_internal(frame):
    return frame.f_globals.get("__name__") == __name__


def _exit_code(code):
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _finish(code):
    """What CPython does at its end: exit functions, the objects of the program,
    and what is still to be written."""
    threading = sys.modules.get("threading")
    if threading:
        threading._shutdown()
    atexit._run_exitfuncs()
    try:
        if sys.stdout and not sys.stdout.closed:
            sys.stdout.flush()
    except (OSError, ValueError) as error:
        print(f"Exception ignored while flushing sys.stdout:\n{error!r}", file=sys.stderr)
        code = 120
    main = sys.modules.get("__main__")
    if main is not None:
        main.__dict__.clear()
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass
    return code


def _refresh():
    """Makes anew what must not be the same in each run."""
    modules = sys.modules
    sys.orig_argv = list(sys.argv)
    # It is told in messages.
    sys.executable = "python"
    os._exit = exit.exit_with_code
    sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(":"))
    if "random" in modules:
        modules["random"].seed()
    if "logging" in modules:
        modules["logging"]._startTime = time.time_ns()
