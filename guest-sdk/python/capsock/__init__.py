"""Python's sockets in a sandbox: the modules that need a system, over
capsock:sockets.

`import capsock` installs them; it has to come before `import socket`. The
modules of the standard library are CPython's own and unmodified.

- `_socket`, `select`, `fcntl`: sockets. Only sockets can be waited for.
- `os`: what takes a descriptor knows sockets too.
- There are no threads, no processes and no TLS in a guest: `threading` and
  `ssl` say so.
"""

from .install import install

install()
