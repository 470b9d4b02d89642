"""What `sluice check` does about vLLM: let it make its configuration, as a start would, and load nothing."""

from dataclasses import dataclass, field

from sluice.engine.devices import Device
from sluice.engine.vllm.chatting import check_chats, unknown_parsers
from sluice.engine.vllm.child_logs import ChildLogs
from sluice.engine.vllm.configuration import check_kind, configure, is_here
from sluice.engine.vllm.launch import arguments, prepare_environment
from sluice.engine.vllm.package import known_arguments
from sluice.settings import Settings
from sluice.settings.section import Mistake, collecting

NOT_INSTALLED = "vLLM is not installed"


@dataclass
class Trial:
    """`warning`: what a user should know. `longest` is the longest sequence that vLLM would serve, in tokens."""

    mistakes: list[Mistake] = field(default_factory=list)
    warning: str | None = None
    longest: int | None = None


def untried(settings: Settings) -> str | None:
    """Why vLLM cannot be asked about all of it."""
    if not known_arguments():
        return NOT_INSTALLED
    return None if is_here(settings) else "the model would have to be downloaded"


def trial(settings: Settings, device: Device, deeply: bool) -> Trial:
    """Takes the seconds that vLLM's import takes. `deeply`: not only names and kinds."""
    why, found = untried(settings), Trial()
    engine = settings.engine
    named = engine.extra or engine.tool_call_parser or engine.reasoning_parser
    if why == NOT_INSTALLED or ((why or not deeply) and not named):
        return found
    prepare_environment(settings, device)
    with ChildLogs():  # vLLM tells of much while it is imported
        found.mistakes += unknown_parsers(*settings.parsers)
        for name in settings.engine.extra.keys() & known_arguments():
            with collecting(found.mistakes):
                check_kind(name, settings.engine.extra[name])
        if why or found.mistakes or not deeply:
            return found
        with collecting(found.mistakes):
            config = configure(settings, arguments(settings, device))
            found.longest = config.model_config.max_model_len
            found.warning = check_chats(settings, config)
    return found
