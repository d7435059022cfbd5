"""Puts the SDK's modules in the place of the interpreter's own."""

import contextlib
import os
import stat
import sys
import types

# What may have captured the interpreter's own `_socket` or `select`.
_CAPTURED = (
    "_socket",
    "asyncio",
    "fcntl",
    "http",
    "select",
    "selectors",
    "socket",
    "socketserver",
    "ssl",
    "urllib",
    "xmlrpc",
)

# Of what `os.sendfile` sends at a time.
_MOST_OF_A_FILE = 256 << 10
_NO_THREADS = "can't start new thread: a WebAssembly guest has one thread"
_NO_TLS = (
    "No module named '_ssl': there is no TLS in a guest; let a proxy on the host do it, "
    "or use a TLS library in pure Python"
)


def install():
    """Does it once."""
    # It keeps the interpreter's own module, so it comes first.
    from . import builtin, errors

    if sys.modules.get("_socket") is sys.modules.get(f"{__package__}._socket"):
        return
    errors.complete_errno()
    for name in list(sys.modules):
        if name.partition(".")[0] in _CAPTURED:
            del sys.modules[name]
    from . import _socket, fcntl, select

    for module in (_socket, select, fcntl):
        name = module.__name__.rpartition(".")[2]
        # Functions written in C are no methods of a class that keeps them, as
        # `selectors` does.
        for key, value in list(vars(module).items()):
            if isinstance(value, types.FunctionType):
                setattr(module, key, staticmethod(value))
        sys.modules[name] = module
    # Builtin modules come before all paths, and must not win again.
    sys.meta_path.insert(0, _Finder)
    _extend_os()


class _Finder:
    """Says why a module is not there, and completes those that need it."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "_ssl":
            raise ModuleNotFoundError(_NO_TLS, name=name)
        complete = _COMPLETE.get(name)
        if complete is None:
            return None
        for finder in sys.meta_path:
            spec = finder is not _Finder and finder.find_spec(name, path, target)
            if spec:
                spec.loader = _Completed(spec.loader, complete)
                return spec
        return None


class _Completed:
    """A loader that does something after its module is loaded."""

    def __init__(self, loader, complete):
        self._loader = loader
        self._complete = complete

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._complete(module)

    def __getattr__(self, name):
        return getattr(self._loader, name)


def _complete_threading(threading):
    def start(*_args, **_kwargs):
        raise RuntimeError(_NO_THREADS)

    threading._start_joinable_thread = start


def _complete_base_events(base_events):
    """asyncio looks up names in another thread; here it waits."""
    import socket

    async def getaddrinfo(self, host, port, *, family=0, type=0, proto=0, flags=0):
        return socket.getaddrinfo(host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr, flags=0):
        return socket.getnameinfo(sockaddr, flags)

    base_events.BaseEventLoop.getaddrinfo = getaddrinfo
    base_events.BaseEventLoop.getnameinfo = getnameinfo


def _complete_unix_events(unix_events):
    """asyncio removes a socket that was left at its path, which it knows by
    `os.stat`: that knows no sockets, and no directory without a grant of it."""
    from . import stale

    loop = unix_events._UnixSelectorEventLoop
    original = loop.create_unix_server

    async def create_unix_server(self, protocol_factory, path=None, **options):
        if path is not None and os.fspath(path)[:1] not in ("", b"", "\0", b"\0"):
            with contextlib.suppress(OSError):
                stale.remove(path)
        return await original(self, protocol_factory, path, **options)

    loop.create_unix_server = create_unix_server


_COMPLETE = {
    "asyncio.base_events": _complete_base_events,
    "asyncio.unix_events": _complete_unix_events,
    "threading": _complete_threading,
}


def _extend_os():
    """Makes the functions of `os` that take a descriptor know sockets, and what
    comes over them."""
    from . import _socket, descriptors, errors, files, stale

    def removing(name):
        original = getattr(os, name)

        def function(path, *, dir_fd=None):
            try:
                return original(path, dir_fd=dir_fd)
            except OSError:
                # Its directory need not be the guest's, only the name.
                if dir_fd is not None or not stale.remove(path):
                    raise

        function.__name__ = function.__qualname__ = name
        function.__doc__ = original.__doc__
        setattr(os, name, function)

    def of_socket(name, operation):
        original = getattr(os, name, None)

        def function(fd, *args):
            entry = descriptors.get(fd) if isinstance(fd, int) else None
            if isinstance(entry, descriptors.Entry) or entry is not None and name == "close":
                return operation(fd, *args)
            if entry is not None:
                # A file or a pipe, which has a method of the name.
                method = getattr(entry, name, None)
                if method is None:
                    raise errors.failure("EINVAL")
                return method(*args)
            if original is None:
                raise OSError(f"os.{name}: not a socket")
            return original(fd, *args)

        function.__name__ = function.__qualname__ = name
        function.__doc__ = getattr(original, "__doc__", None)
        setattr(os, name, function)

    def attached(fd):
        socket = _socket.socket.__new__(_socket.socket)
        entry = descriptors.socket(fd)
        socket._fd, socket._type, socket._timeout = fd, entry.type, entry.timeout
        return socket

    def transfer(method):
        def operation(fd, *args):
            socket = attached(fd)
            try:
                return getattr(socket, method)(*args)
            finally:
                socket.detach()

        return operation

    def set_inheritable(fd, inheritable):
        descriptors.socket(fd).inheritable = bool(inheritable)

    def set_blocking(fd, blocking):
        descriptors.socket(fd).set_timeout(None if blocking else 0)

    def sendfile(out_fd, in_fd, offset, count):
        """sendfile(2), by reading: the interface knows no file by its number."""
        data = os.pread(in_fd, min(count, _MOST_OF_A_FILE), offset)
        return os.write(out_fd, data) if data else 0

    def of_file(name, error):
        def operation(fd, *_args):
            raise errors.failure(error)

        of_socket(name, operation)

    def fstat(fd):
        return os.stat_result((stat.S_IFSOCK, 0, 0, 1, 0, 0, 0, 0, 0, 0))

    open_path, close_file = os.open, os.close

    def open(path, flags, mode=0o777, *, dir_fd=None):
        fd = open_path(path, flags, mode, dir_fd=dir_fd)
        if dir_fd is None:
            files.remember(fd, path, flags)
        return fd

    def close(fd):
        files.forget(fd)
        close_file(fd)

    open.__doc__, close.__doc__ = open_path.__doc__, close_file.__doc__
    os.open, os.close = open, close
    os.sendfile = sendfile
    removing("remove")
    removing("unlink")
    of_socket("close", _socket.close)
    of_socket("fstat", fstat)
    of_file("lseek", "ESPIPE")
    of_file("pread", "ESPIPE")
    of_file("pwrite", "ESPIPE")
    of_file("ftruncate", "EINVAL")
    of_file("fsync", "EINVAL")
    of_socket("dup", descriptors.duplicate)
    of_socket("read", transfer("recv"))
    of_socket("write", transfer("send"))
    of_socket("get_inheritable", lambda fd: descriptors.socket(fd).inheritable)
    of_socket("set_inheritable", set_inheritable)
    of_socket("get_blocking", lambda fd: descriptors.socket(fd).timeout is None)
    of_socket("set_blocking", set_blocking)
