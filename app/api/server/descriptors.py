"""The limit of open file descriptors of this process. Each connection takes one."""

import resource

import structlog

_WANTED = 65_536
_UNLIMITED = 1_048_576  # where the system sets no limit

log = structlog.get_logger()


def raise_descriptor_limit() -> int:
    """Raise the soft limit up to the hard limit, 65,536 at most; returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _UNLIMITED
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(_WANTED, hard)
    if soft >= wanted:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError) as error:  # macOS refuses more than kern.maxfilesperproc
        log.warning("descriptor_limit_not_raised", limit=soft, wanted=wanted, error=str(error))
        return soft
    return wanted
