"""Modules kept in the component.

A component has no files but those that it is given, so what is imported at run
time is put into its memory while it is built: compiled, compressed, and with the
source for tracebacks.
"""

import gc
import marshal
import os
import sys
import zlib
from importlib._bootstrap_external import _LoaderBasics
from importlib.machinery import ModuleSpec

# Of the standard library: what is for other systems, or needs a display.
_LEFT_OUT = {
    "__pycache__",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "site-packages",
    "test",
    "tkinter",
    "turtle.py",
    "turtledemo",
}

_files = {}
_directories = set()


def keep(directory):
    """Keeps all modules and data beneath a directory, under its name."""
    _directories.add(directory)
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        if entry.name in _LEFT_OUT or entry.name.startswith("config-"):
            continue
        if entry.is_dir():
            keep(entry.path)
        elif entry.name.endswith(".py"):
            with open(entry.path, "rb") as file:
                source = file.read()
            code = compile(source, entry.path, "exec", dont_inherit=True)
            _files[entry.path] = _pack(source), _pack(marshal.dumps(code))
        else:
            with open(entry.path, "rb") as file:
                _files[entry.path] = _pack(file.read()), None


def activate():
    """Serves what is kept to imports, for the rest of the program's life."""
    sys.path_hooks.insert(0, _hook)
    sys.path_importer_cache.clear()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file in _files:
            # Its source is not where it was read from any more.
            loader = _Loader(module.__spec__.name, file)
            module.__loader__ = module.__spec__.loader = loader
    # It is never garbage, and to look through all of it takes as long as a start.
    gc.collect()
    gc.freeze()


def _pack(data):
    return zlib.compress(data, 9)


def _hook(path):
    if path not in _directories:
        raise ImportError("not kept in the component", path=path)
    return _Finder(path)


class _Finder:
    """The modules of one directory."""

    def __init__(self, directory):
        self._directory = directory

    def find_spec(self, name, target=None):
        path = f"{self._directory}/{name.rpartition('.')[2]}"
        for file, package in ((f"{path}/__init__.py", True), (f"{path}.py", False)):
            if file in _files:
                spec = ModuleSpec(name, _Loader(name, file), origin=file, is_package=package)
                spec.has_location = True
                spec.cached = None
                if package:
                    spec.submodule_search_locations = [path]
                return spec
        if path in _directories:
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [path]
            return spec
        return None

    def iter_modules(self, prefix=""):
        """For pkgutil."""
        start = f"{self._directory}/"
        for file in _files:
            if not file.startswith(start):
                continue
            name, _, rest = file.removeprefix(start).partition("/")
            if rest == "__init__.py":
                yield prefix + name, True
            elif not rest and name.endswith(".py") and name != "__init__.py":
                yield prefix + name.removesuffix(".py"), False


class _Loader(_LoaderBasics):
    """A module of the component. Its base keeps import out of tracebacks."""

    def __init__(self, name, path):
        self.name = name
        self.path = path

    def get_code(self, name):
        return marshal.loads(zlib.decompress(_files[self.path][1]))

    def get_source(self, name):
        return zlib.decompress(_files[self.path][0]).decode()

    def get_filename(self, name):
        return self.path

    def get_data(self, path):
        if path not in _files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return zlib.decompress(_files[path][0])
