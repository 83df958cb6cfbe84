"""One demo at a time uses a state folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import Failed


@contextmanager
def held(state: Path) -> Iterator[None]:
    """Keeps others from the folder. The lock lies beside it: a check removes the folder itself."""
    state.parent.mkdir(parents=True, exist_ok=True)
    with state.with_name(f"{state.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failed(f"a demo with the state {state} runs already") from None
        yield
