"""Where Sluice answers otherwise than `vllm serve` and is meant to."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.faithful.compare import Difference


@dataclass(frozen=True)
class Deliberate:
    """`cases` and `at` are patterns of a difference's, with `*` for anything; `[` stands for itself.

    `sometimes`: it is not seen in every run.
    """

    cases: tuple[str, ...]
    at: tuple[str, ...]
    reason: str
    sometimes: bool = False

    def covering(self, difference: Difference) -> str | None:
        """The pattern of a case that it falls under, if any."""
        if not any(matches(difference.at, pattern) for pattern in self.at):
            return None
        return next((pattern for pattern in self.cases if matches(difference.case, pattern)), None)


def matches(text: str, pattern: str) -> bool:
    return fnmatchcase(text, pattern.replace("[", "[[]"))


REFUSED, SERVED = ("status 4xx instead of 200",), ("status 200 instead of 4xx",)

STATUSES = (
    Deliberate(
        ("completion *, echo True, logprobs *, n 2, streamed", "completion * n 2, echo True, streamed"),
        ("status 200 instead of 5xx in a stream",),
        "Some of these streams of vLLM's fail (a KeyError), depending on which of the two answers begins.",
        sometimes=True,
    ),
    Deliberate(
        ("chat wrong and streamed *",),
        ("status 4xx instead of 4xx in a stream",),
        "No 200 before an error: what is wrong with a request is found before its stream begins.",
    ),
    Deliberate(
        ("* structured_outputs: 'x'",), ("status 4xx instead of 5xx",), "It is the client's mistake; vLLM fails."
    ),
    Deliberate(
        ("chat no user's content*", "chat the content {}", "chat a tool's result without an id*", "chat the role *"),
        REFUSED,
        "OpenAI requires content, a `tool_call_id` and a role that is known: a slip would be answered as if nothing "
        "had been said.",
    ),
    Deliberate(
        ("* temperature: '0'", "* temperature: True", "* stream: 1", "completion prompt: [True]", "* logprobs: True"),
        REFUSED,
        "As with OpenAI, a text is no number, and a truth value is neither.",
    ),
    Deliberate(
        ("detokenize {'tokens': [99999999]}",),
        REFUSED,
        "A token that the model does not have is a slip; vLLM drops it.",
    ),
    Deliberate(("* logit_bias: {'20': 101}",), REFUSED, "OpenAI's range is -100 to 100; vLLM cuts what is outside."),
    Deliberate(
        ("chat limits that differ*",),
        REFUSED,
        "`max_tokens` and `max_completion_tokens` are one limit; OpenAI refuses both.",
    ),
    Deliberate(("* stream_options: {}",), REFUSED, "OpenAI takes `stream_options` only with `stream`."),
    Deliberate(("chat service_tier: 'nobody'",), REFUSED, "OpenAI refuses a tier that it does not know."),
    Deliberate(
        (
            "* priority: 1",
            "* use_beam_search: True",
            "* kv_transfer_params: *",
            "chat functions: *",
            "completion best_of: *",
        ),
        REFUSED,
        "What is not served and would change the answer is refused; vLLM ignores it.",
    ),
    Deliberate(
        ("message with a choice and no tools*",), REFUSED, "Anthropic takes `tool_choice` only where there are tools."
    ),
    Deliberate(("chat arguments for the template that are the server's*",), REFUSED, "vLLM ignores them, unsaid."),
    Deliberate(
        ("* sampling {'n': 2}*",), SERVED, "OpenAI answers `n` greedy requests, the same each time; vLLM refuses."
    ),
    Deliberate(("completion sampling {'n': None}*",), SERVED, "Null is the same as not given, for every field."),
    Deliberate(("chat no tools in the list*",), SERVED, "Agents whose tools are used up send an empty list."),
    Deliberate(
        ("chat a prefill without a word on the prompt*",),
        SERVED,
        "`continue_final_message` says enough: what it excludes is a default and not the client's word.",
    ),
    Deliberate(
        ("* truncate_prompt_tokens: 99999", "* stream_interval: 0"), SERVED, "They change nothing of the answer."
    ),
)
OF_ALL = (
    Deliberate(
        ("*",),
        (
            "usage.prompt_tokens_details.created_cache_tokens",
            "usage.prompt_tokens_details.cache_write_tokens",
            "usage.output_tokens_details.tool_output_tokens",
        ),
        "OpenAI's name for what is written into the cache is the one of its responses, in chat and completions, too; "
        "`tool_output_tokens` is vLLM's own.",
    ),
    Deliberate(
        ("completion *",),
        ("usage.completion_tokens_details.reasoning_tokens",),
        "`usage` has one form; in completions it is 0.",
    ),
    Deliberate(("chat *", "response *"), ("service_tier",), "OpenAI tells which tier has served the request."),
)
CHATS = (
    Deliberate(
        ("chat markers in a text*",),
        ("choices.*.message.content", "usage.*_tokens"),
        "Special tokens in what a client has written are text; vLLM lets a user write turns of the conversation.",
    ),
    Deliberate(
        ("chat thoughts that are not shown and cut",),
        ("choices.*.message.content",),
        "An answer that shows nothing is an empty text, as its stream is; vLLM's is null.",
    ),
    Deliberate(
        ("chat a call that is cut, streamed", "chat tools and no answer, streamed"),
        ("choices.*.message.content",),
        "What is held back for a call that never comes is text at the end, as in a whole answer; not in vLLM's stream.",
    ),
    Deliberate(
        ("chat *",),
        ("choices.*.message.reasoning_content",),
        "The older name for `reasoning`, beside it: clients differ (`streaming.reasoning_field`).",
    ),
    Deliberate(
        (
            "chat *required*",
            "chat *named*",
            "chat tool_choice {*",
            "chat {*} and the effort *",
            "chat a strict tool with tools*",
            "chat calls of two*",
        ),
        ("choices.*.message.content",),
        "Beside calls OpenAI's content is null; vLLM's is an empty text.",
    ),
    Deliberate(
        ("chat tool_choice {'type': 'function', 'function': {'name': 'set_timer'}}*",),
        ("choices.*.message.tool_calls.*.function.arguments", "usage.*_tokens"),
        "A call that has to be made is always held to the tool's schema; vLLM does it with `strict` only.",
    ),
    Deliberate(
        ("chat a refusal*",),
        ("usage.*_tokens",),
        "A refusal is what the assistant has said; vLLM's template never sees it.",
    ),
    Deliberate(
        ("chat a prefill of a user's*", "chat no generation prompt*"),
        ("choices.*.message.role",),
        "An answer is the assistant's; vLLM gives it the role of the last message.",
    ),
    Deliberate(
        ("chat thoughts up to a stop, streamed", "chat thoughts with a stop that does not come, streamed"),
        ("choices.*.message.reasoning", "choices.*.message.content"),
        "vLLM's stream shows markers, or parts of them, as a stop string holds the text back.",
    ),
)
LOGPROBS = (
    Deliberate(
        ("chat logprobs as ids*",),
        ("choices.*.logprobs.content.*.top_logprobs.*.bytes.*",),
        "The bytes are those of the token; vLLM's are those of the text `token_id:…`.",
    ),
    Deliberate(
        ("chat logprobs of some ids*", "chat logprobs with a bias*", "chat logprobs of allowed tokens*"),
        ("choices.*.logprobs.content.*.top_logprobs.*",),
        "The likeliest, and the likeliest first, as OpenAI has it; vLLM's begin with the token itself.",
    ),
    Deliberate(
        (
            "chat echo",
            "chat a prefill that comes back",
            "completion *echo True*",
            "completion echo *",
            "completion an echo *",
            "completion logprobs of signs*",
            "completion a prompt of one token*",
            "completion special tokens in a prompt*",
            "completion equal prompts*",
            "completion a prompt of white space*",
            "completion ids without special ones*",
            "completion a stop that is echoed*",
        ),
        ("prompt_logprobs.*", "choices.*.prompt_logprobs.*", "choices.*.prompt_token_ids.*"),
        "They come with `prompt_logprobs` and `return_token_ids`; vLLM adds them wherever the prompt comes back.",
    ),
    Deliberate(
        ("completion an echo cut on the left*",),
        ("choices.*.text",),
        "The prompt that comes back is the one that was answered, as its logprobs are; vLLM's text is the whole one.",
    ),
)
MESSAGES = (
    Deliberate(
        ("message with thinking*",),
        ("content.*", "usage.*_tokens", "events.*"),
        "`thinking` switches the template's thoughts on; vLLM takes its budget only.",
    ),
    Deliberate(
        ("message a prefill*",),
        ("content.*", "stop_reason", "usage.*_tokens"),
        "Anthropic continues an assistant's last message; vLLM takes it for a turn that has ended.",
    ),
    Deliberate(
        ("message with a call that is cut, streamed",),
        ("content.*", "events.*"),
        "What is held back for a call that never comes is text at the end, as in a whole answer; not in vLLM's stream.",
    ),
    Deliberate(
        ("count_tokens *",),
        ("context_management.original_input_tokens",),
        "Nothing is edited, so nothing is told of it.",
    ),
)
RESPONSES = (
    Deliberate(
        ("response *",),
        ("store", "text.format.type", "text.verbosity", "tool_choice", "top_logprobs"),
        "OpenAI tells them in every response, with their defaults.",
    ),
    Deliberate(
        ("response *",),
        ("top_p", "presence_penalty", "frequency_penalty"),
        "What was not given is null: the model's own default holds. Penalties are not in OpenAI's reference.",
    ),
    Deliberate(
        (
            "response to the limit*",
            "response of one token*",
            "response cut in *",
            "response that is cut to fit*",
            "response with logprobs, cut*",
        ),
        ("output.*.status", "events.*"),
        "OpenAI ends an answer that was cut with `incomplete`, the item's status and the event; vLLM says completed.",
    ),
    Deliberate(
        (
            "response with an effort*",
            "response with thoughts*",
            "response * with an effort",
            "response with logprobs of*",
        ),
        ("output.0.status",),
        "A reasoning item has a status, as in OpenAI's answers.",
    ),
    Deliberate(
        ("response with logprobs, streamed", "response with logprobs of thoughts*"),
        ("output.*.content.*.logprobs.*",),
        "Each token of the text, and no other; vLLM tells the thoughts' too, and its stream lacks the last one.",
    ),
    Deliberate(
        ("response cut in its call, streamed",),
        ("output.*", "deltas.*", "events.*"),
        "What is held back for a call that never comes is text at the end, as in a whole answer; not in vLLM's stream.",
    ),
)
DELIBERATE = STATUSES + OF_ALL + CHATS + LOGPROBS + MESSAGES + RESPONSES
