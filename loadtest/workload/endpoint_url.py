"""Which URLs of an endpoint can be used, and how a client is given one."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from loadtest.errors import UsageError

_EXAMPLE = "http://127.0.0.1:8000"
_NAME = re.compile(r"((?!-)[a-z0-9-]{1,63}(?<!-)\.)*(?!-)[a-z0-9-]{1,63}(?<!-)\.?", re.IGNORECASE)  # the SDK's rule


def require_usable(url: str) -> None:
    """UsageError, in one sentence, for what is no URL of a server or one that the SDK makes no client for."""
    if "@" in url:
        raise UsageError("--endpoint-url must not hold a user name or password")
    parts = _split(url)
    if parts is None:
        raise UsageError(f"--endpoint-url {url!r} is no URL like {_EXAMPLE}")
    if parts.query or parts.fragment:
        raise UsageError(f"--endpoint-url {url!r} must end before {'?' if parts.query else '#'}")
    if not _is_host(host := parts.hostname or ""):
        why = "the SDK takes no name with an underscore" if "_" in host else "that is no name or address of a host"
        raise UsageError(
            f"--endpoint-url {url!r} cannot be used: {why}; give another name of the server, or its address"
        )


def in_ascii(url: str) -> str:
    """The same with a name in other letters as resolvers know it (IDNA)."""
    return url if url.isascii() else url.replace(host := _host_as_written(url), _idna(host), 1)


def _split(url: str) -> SplitResult | None:
    if any(character.isspace() or not character.isprintable() for character in url):
        return None  # of which some would be left out in silence
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    behind = parts.netloc.rpartition("]")[2] if parts.netloc.startswith("[") else ":"
    return parts if usable and behind[:1] in ("", ":") else None


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        try:
            name = _idna(host)
        except UnicodeError:
            return False
        return _NAME.fullmatch(name) is not None and len(name) <= 255
    return True


def _host_as_written(url: str) -> str:
    return urlsplit(url).netloc.rpartition(":")[0] or urlsplit(url).netloc


def _idna(host: str) -> str:
    return host.encode("idna").decode()
