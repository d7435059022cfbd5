"""What a host of `''` stands for in a guest that may not bind every address."""

import re

from wit_world.imports import authority

from ._tables import CONSTANTS

_GRANT = re.compile(r"allow (?:listen|bind) \w+://(\[[^]]*\]|[^:/]+):")
# A class that is one address.
_ADDRESSES = {"loopback": {4: "127.0.0.1", 6: "[::1]"}}


def host(family, type, port):
    """The first address with a grant of its own where there is none for all of
    them; else `''`, which the host decides on."""
    version = 6 if family == CONSTANTS["AF_INET6"] else 4
    scheme = "tcp" if type == CONSTANTS["SOCK_STREAM"] else "udp"

    def may(host, operation="bind"):
        return authority.may(operation, f"{scheme}://{host}:{port or 'ephemeral'}")

    every = "[::]" if version == 6 else "0.0.0.0"
    # With port 0 anybody may bind it, and not listen there.
    if may(every, "bind" if port else "listen"):
        return ""
    for grant in map(_GRANT.match, authority.grants()):
        found = grant and _ADDRESSES.get(grant[1], {}).get(version, grant[1])
        if found and (":" in found) == (version == 6) and _is_one(found) and may(found):
            return found.strip("[]")
    return ""


def _is_one(host):
    return re.fullmatch(r"[\d.]+|\[[\da-f:.]+\]", host) is not None
