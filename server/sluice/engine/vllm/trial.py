"""What `sluice check` does about vLLM: let it make its configuration, as a start would, and load nothing."""

from sluice.engine.devices import Device
from sluice.engine.vllm.chatting import check_chats
from sluice.engine.vllm.child_logs import ChildLogs
from sluice.engine.vllm.configuration import check_kinds, configure, is_here
from sluice.engine.vllm.launch import arguments, prepare_environment
from sluice.engine.vllm.package import known_arguments
from sluice.settings import Settings

NOT_INSTALLED = "vLLM is not installed"


def untried(settings: Settings) -> str | None:
    """Why vLLM cannot be asked about all of it."""
    if not known_arguments():
        return NOT_INSTALLED
    return None if is_here(settings) else "the model would have to be downloaded"


def trial(settings: Settings, device: Device) -> str | None:
    """What a user should know, if there is something. Takes the seconds that vLLM's import takes. Raises Mistake."""
    why = untried(settings)
    if why == NOT_INSTALLED or (why and not settings.engine.extra):
        return None
    prepare_environment(settings, device)
    with ChildLogs():  # vLLM tells of much while it is imported
        if why:
            check_kinds(settings.engine.extra)
            return None
        return check_chats(settings, configure(settings, arguments(settings, device)))
