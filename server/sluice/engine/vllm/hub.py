"""The hub, asked for a model before vLLM does: that asks for minutes, and then blames the model's name for all."""

import os
import re
from importlib.util import find_spec

from sluice.errors import EngineFailed, one_line, shown
from sluice.settings import Settings
from sluice.settings.section import Mistake

ID = r"[\w.-]+(/[\w.-]+)?"
ANSWER_WAIT_S = 10
LOGIN = "log in with `hf auth login`, or set HF_TOKEN"


def check_hub(settings: Settings) -> None:
    """Asks nothing for a model that is here, be it in the hub's cache.

    Raises Mistake for one that is not to be had, and EngineFailed if the hub cannot be reached.
    """
    model, extra = settings.model_path, settings.engine.extra
    elsewhere = extra.keys() & {"hf_config_path", "config_format", "load_format"} or os.environ.get(
        "VLLM_USE_MODELSCOPE"
    )
    if os.path.isdir(model) or not re.fullmatch(ID, model) or elsewhere or not find_spec("huggingface_hub"):
        return
    import huggingface_hub as hub
    from huggingface_hub import constants, errors

    revision = extra.get("revision")
    if constants.HF_HUB_OFFLINE or isinstance(hub.try_to_load_from_cache(model, "config.json", revision=revision), str):
        return
    url, place = hub.hf_hub_url(model, "config.json", revision=revision), f"{constants.ENDPOINT}/{model}"
    try:
        hub.get_hf_file_metadata(url, timeout=ANSWER_WAIT_S)
    except errors.GatedRepoError:
        raise Mistake(f"{model} is gated: accept its terms at {place}, and {LOGIN}", "model") from None
    except errors.RevisionNotFoundError:
        raise Mistake(f"{place} has no such revision", "engine", "extra", "revision") from None
    except errors.RepositoryNotFoundError:
        raise Mistake(f"there is no {place}, or it is private: look at its name, or {LOGIN}", "model") from None
    except errors.EntryNotFoundError:
        return  # Mistral's have another file
    except Exception as error:  # httpx's, urllib3's, of any kind
        raise EngineFailed(
            f"it is not here, and {constants.ENDPOINT} cannot be reached ({shown(one_line(error))}): look at the "
            "network, HTTPS_PROXY or HF_ENDPOINT, or name a folder as the model"
        ) from error
