"""What the doctor says of one thing."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """`says`: what is there. `mend`: what to do about it; None where nothing has to be done.

    `wrong` keeps a model from being served here, `mind` only some of them, or it costs something.
    """

    name: str
    state: Literal["fine", "mind", "wrong"]
    says: str
    mend: str | None = None
