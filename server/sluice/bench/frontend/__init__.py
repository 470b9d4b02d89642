"""`sluice bench frontend`: what a front end costs, for Sluice and for vLLM's own servers, side by side.

**The servers** are started here, one after the other, on free ports of the loopback: Sluice with all that it has
switched on (admission, fair queue, time limits, metrics), `vllm serve`, and `vllm serve` with its Rust front end if
the binary is given. All get the same engine arguments: those that Sluice itself gives vLLM. Nothing else is changed
in vLLM: its log, a line a request, goes to a file as Sluice's does. One that cannot be started, or does not answer as
asked, is left out. All are up while it is measured, on the same devices: on a GPU say how much of it each may take
(`--set engine.extra.gpu_memory_utilization=0.3`). They stay in one session, or the kernel would share the processors
out between them and the generator, and not between processes.

**A round** puts the same loads on each server in turn: answers of `tokens` tokens; such chats with a tool on offer, and
such that think, where the settings have parsers for them; then answers of 1 token, in which nearly all is the cost of a
request. Another server begins in each round, so a drift of the machine's speed hits all
alike. The first round warms up and is not counted. The load is a closed loop of `conns` clients, each of which asks
again, always the same (so its prefix is cached), as soon as it has its answer: streamed, greedy, with `ignore_eos`
and the usage. The first fifth of `seconds` fills the batch and is not counted either.

**CPU** is user and system time as the kernel counts it, while it is measured, of every process in a server's tree but
the engine's own (titled EngineCore or Worker, and what they started), divided by the tokens, or by the answers, that
came meanwhile. **Memory** is the proportional set size of the same processes (what several share, counted in parts)
where it can be read, else the resident set.

**Time to first token** counts from when a client asked. **Between events** is the time from one event with a token to
the next; an event may carry several tokens, so it comes with the **events a token** (1: none is merged with another;
above 1: the finish_reason comes in an event of its own).
**Between tokens** does not care: from an answer's first token to its last, divided by the tokens after the first; one
value an answer. **Bad** answers have another status than 200; **short** ones have it, but not a finish_reason, [DONE]
and as many tokens as asked, by the server's own count.

**Medians** are over the rounds. **Ratios** compare Sluice with a peer within a round; of these, the median.
Generator, front ends and engines share the machine: its speed is in the tokens a second of all, and less so in the
CPU time.
"""
