"""Repairs what componentize-py 0.25.1 leaks in the components that it builds.

Its runtime never frees the copy that it makes of the `bytes` of a call
(`maybe_pop_list` does not call `defer_deallocate`): a program that has sent as
much as it may have memory is dead. And what an empty list has allocated, which is
a few bytes, neither the runtime nor the code around it (`wit-dylib`) frees.

So the two functions of the runtime through which all lists go are wrapped; that
code calls them as exports, and needs no change. In a version without the fault
this would free twice: `capsock_build` does it for `VERSION` only. When there is
one, this file can go; the test `tests/python.rs::what_was_sent_is_freed` tells.
"""

VERSION = "0.25.1"

# Of the binary format of WebAssembly: https://webassembly.github.io/spec/core/binary
_TYPES, _IMPORTS, _FUNCTIONS, _EXPORTS, _CODE = 1, 2, 3, 7, 10
_CORE_MODULE, _COMPONENT = 1, 4
_I32, _FUNCTION_TYPE, _FUNCTION = b"\x7f", 0x60, 0
_IF, _ELSE, _END = b"\x04\x40", b"\x05", b"\x0b"
_EQZ, _OR = b"\x45", b"\x72"
_LOAD, _STORE = b"\x28\x02\x00", b"\x36\x02\x00"

# The functions of the runtime by their numbers of parameters and results, all i32.
_RUNTIME = {
    b"wit_dylib_pop_list": (3, 1),
    b"wit_dylib_pop_iter": (2, 0),
    b"wit_dylib_push_list": (4, 1),
    b"wit_dylib_dealloc_bytes": (5, 0),
}


def repair(component):
    """The component, repaired; `ValueError` where it is not as expected."""
    repaired, modules = _component(component)
    if modules != 1:
        raise ValueError(f"{modules} modules are componentize-py's runtime, and not one")
    return repaired


def _component(binary):
    sections, modules = [], 0
    for kind, body in _sections(binary):
        found = 0
        if kind == _CORE_MODULE:
            body, found = _module(body)
        elif kind == _COMPONENT:
            body, found = _component(body)
        modules += found
        sections.append((kind, body))
    return _joined(binary, sections) if modules else binary, modules


def _module(binary):
    sections = _sections(binary)
    bodies = dict(sections)
    exports = _exports(bodies.get(_EXPORTS, b"\0"))
    index = {name: index for name, kind, index in exports if kind == _FUNCTION}
    if not _RUNTIME.keys() <= index.keys():
        return binary, 0
    types, functions = _types(bodies[_TYPES]), _numbers(bodies[_FUNCTIONS])
    imported = _imported_functions(bodies[_IMPORTS])
    type_of = {name: functions[index[name] - imported] for name in _RUNTIME}
    for name, (parameters, results) in _RUNTIME.items():
        found = types[type_of[name]]
        if found != (_I32 * parameters, _I32 * results):
            raise ValueError(f"{name.decode()} has the type {found}")

    wrappers, bodies_of_wrappers = {}, []
    for name, body in _wrappers(index).items():
        wrappers[name] = imported + len(functions)
        functions.append(type_of[name])
        # One local, an i32.
        body = b"\x01\x01" + _I32 + body + _END
        bodies_of_wrappers.append(_leb(len(body)) + body)
    code = _Reader(bodies[_CODE])
    count = code.number() + len(bodies_of_wrappers)
    changed = {
        _FUNCTIONS: _leb(len(functions)) + b"".join(map(_leb, functions)),
        _EXPORTS: _leb(len(exports))
        + b"".join(
            _leb(len(name)) + name + bytes([kind]) + _leb(wrappers.get(name, index))
            for name, kind, index in exports
        ),
        _CODE: _leb(count) + code.rest() + b"".join(bodies_of_wrappers),
    }
    return _joined(binary, [(kind, changed.get(kind, body)) for kind, body in sections]), 1


def _wrappers(index):
    def call(name):
        return b"\x10" + _leb(index[b"wit_dylib_" + name])

    context, type_, out = map(_get, range(3))

    # Takes a list off the stack of a call: gives its length, and in `out` where
    # its copy is. The copy lives until the call ends, and so do those in records
    # and in other lists. For lists but those of bytes `out` is null, and what
    # called allocates, takes the elements one by one and frees; for an empty one
    # it does not free, and is given an address that nobody reads.
    length = 3
    pop_list = (
        context + type_ + out + call(b"pop_list") + _set(length)
        + out + _LOAD + _IF
        + context + out + _LOAD + _get(length) + _const(1) + _const(1) + call(b"dealloc_bytes")
        + _ELSE + _get(length) + _EQZ + _IF
        + context + type_ + call(b"pop_iter") + out + _const(8) + _STORE
        + _END + _END + _get(length)
    )  # fmt: skip

    # Puts a list on the stack: tells whether it has taken, and freed, the memory;
    # if not, what called frees it, but not that of an empty one.
    pointer, length, taken = _get(2), _get(3), 4
    push_list = (
        context + type_ + pointer + length + call(b"push_list") + _set(taken)
        + _get(taken) + length + _OR + _EQZ + _IF
        + context + pointer + _const(0) + _const(1) + _const(0) + call(b"dealloc_bytes")
        + _END + _get(taken)
    )  # fmt: skip
    return {b"wit_dylib_pop_list": pop_list, b"wit_dylib_push_list": push_list}


def _get(local):
    return b"\x20" + _leb(local)


def _set(local):
    return b"\x21" + _leb(local)


def _const(value):
    # A signed number: up to 63 it is as an unsigned one.
    return b"\x41" + _leb(value)


class _Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def number(self):
        result = shift = 0
        while True:
            byte = self.byte()
            result |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return result

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def bytes(self):
        length = self.number()
        self.at += length
        return self.data[self.at - length : self.at]

    def rest(self):
        return self.data[self.at :]


def _leb(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def _sections(binary):
    reader, sections = _Reader(binary, at=8), []
    while reader.at < len(binary):
        sections.append((reader.byte(), reader.bytes()))
    return sections


def _joined(binary, sections):
    parts = (bytes([kind]) + _leb(len(body)) + body for kind, body in sections)
    return binary[:8] + b"".join(parts)


def _numbers(body):
    reader = _Reader(body)
    return [reader.number() for _ in range(reader.number())]


def _exports(body):
    reader = _Reader(body)
    return [
        (reader.bytes(), reader.byte(), reader.number()) for _ in range(reader.number())
    ]


def _types(body):
    reader, types = _Reader(body), []
    for _ in range(reader.number()):
        form = reader.byte()
        if form != _FUNCTION_TYPE:
            raise ValueError(f"a type of the form {form:#x}")
        types.append((reader.bytes(), reader.bytes()))
    return types


def _imported_functions(body):
    reader, functions = _Reader(body), 0

    def limits():
        if reader.byte() & 1:
            reader.number()
        reader.number()

    for _ in range(reader.number()):
        reader.bytes(), reader.bytes()
        match reader.byte():
            case 0:  # a function
                reader.number()
                functions += 1
            case 1:  # a table
                reader.byte()
                limits()
            case 2:  # a memory
                limits()
            case 3:  # a global
                reader.byte(), reader.byte()
            case kind:
                raise ValueError(f"an import of the kind {kind}")
    return functions
