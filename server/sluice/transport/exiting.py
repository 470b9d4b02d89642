"""Whether the server that runs the application has been told to end, where that can be seen."""

import signal


def is_exiting() -> bool:
    """uvicorn by itself tells its application only once all connections are closed: for a stream without an end, never.

    It has a signal handler of its own, which knows. Other servers cut streams off after a while.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(server, "should_exit", False) is True
