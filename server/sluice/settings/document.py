"""YAML within limits: what is small on disk is small when it is read, and whatever is wrong has a line."""

import re
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import ConstructorError

MAX_NODES = 50_000
"""Keys, values and items, those included that aliases repeat."""
MAX_DEPTH = 32
LONGEST_NUMBER = 64
"""Characters; to read a number takes longer than its length says."""
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class Document(Composer, yaml.CSafeLoader):
    """One document. `root` is its tree, None if there is nothing in it; `value` makes plain values of it.

    libyaml reads the text, and hands over an event at a time: what is too much is not read to its end. Both raise
    yaml.MarkedYAMLError for whatever they cannot read, or yaml.YAMLError for characters that no text has.
    """

    # a package that vLLM imports, lmformatenforcer, changes those of PyYAML for all
    yaml_constructors = yaml.CSafeLoader.yaml_constructors.copy()

    def __init__(self, text: str) -> None:
        yaml.CSafeLoader.__init__(self, text)
        Composer.__init__(self)
        self.nodes = self.depth = 0
        self.sizes: dict[str, int] = {}
        self.root: yaml.Node | None = self.get_single_node()

    def value(self) -> Any:
        return None if self.root is None else self.construct_document(self.root)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()
        mark, before = event.start_mark, self.nodes
        if isinstance(event, yaml.AliasEvent) and event.anchor in self.anchors:
            if event.anchor not in self.sizes:
                raise yaml.MarkedYAMLError(None, None, "an alias stands inside of what it repeats", mark)
            self.nodes += self.sizes[event.anchor]
        else:
            self.nodes += 1
        self.depth += 1
        if self.nodes > MAX_NODES or self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                None, None, f"more than {MAX_NODES:,} values or {MAX_DEPTH} levels are no settings", mark
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self.sizes.setdefault(event.anchor, self.nodes - before)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Of what SafeLoader raises, most is a bare ValueError or KeyError from deep inside."""
        if node.tag in NUMBERS and len(node.value) > LONGEST_NUMBER:
            raise ConstructorError(None, None, f"a number of more than {LONGEST_NUMBER} digits", node.start_mark)
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            kind = node.tag.rpartition(":")[2]
            raise ConstructorError(None, None, f"what stands here is no {kind}", node.start_mark) from None


# As in JSON and YAML 1.2; to YAML 1.1 it is a text.
Document.add_implicit_resolver(NUMBERS[1], re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789"))
