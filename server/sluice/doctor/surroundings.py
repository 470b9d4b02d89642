"""What is around the server: the hub that models come from, and the port that it listens on."""

import os
from contextlib import suppress

import httpx
import psutil

from sluice.doctor.finding import Finding
from sluice.listeners import addresses, bind, free_port
from sluice.settings import Http

HUB = "https://huggingface.co"
HUB_WAIT_S = 5.0
OFFLINE = ("1", "true", "yes", "on")


def hub() -> Finding:
    """The Hugging Face hub, or what HF_ENDPOINT has in its place."""
    url = os.environ.get("HF_ENDPOINT", HUB)
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in OFFLINE:
        return Finding("hub", "fine", "not asked: HF_HUB_OFFLINE says so")
    try:
        answer = httpx.head(url, timeout=HUB_WAIT_S, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        mend = "models that are here already are served all the same; else look at HF_ENDPOINT and HTTPS_PROXY"
        return Finding("hub", "mind", f"{url} cannot be reached: {error or type(error).__name__}", mend)
    if answer.status_code >= 500:
        return Finding("hub", "mind", f"{url} answers {answer.status_code}", "try again later")
    return Finding("hub", "fine", f"{url} answers")


def port(http: Http) -> Finding:
    place = f"{http.host}:{http.port}"
    try:
        for address in addresses(http):
            bind(address, http.port).close()
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while")[0]
        free = free_port()
        mend = f"set http.port: --set http.port={free} is free" + (
            f", or end {who}" if (who := holder(http.port)) else ""
        )
        return Finding("port", "wrong", f"{place}: {reason}", mend)
    return Finding("port", "fine", f"{place} is free")


def holder(port: int) -> str | None:
    """Who listens on it, as far as this process may know."""
    with suppress(psutil.Error, OSError):
        for each in psutil.net_connections("tcp"):
            if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port and each.pid:
                return f"process {each.pid} ({psutil.Process(each.pid).name()})"
    return None
