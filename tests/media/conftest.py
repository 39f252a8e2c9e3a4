"""What several media tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pulse import SoundServer, sound_server


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoundServer]:
    """A sound server with a loudspeaker and a microphone; PortAudio sees nothing else meanwhile."""
    with sound_server(tmp_path_factory.mktemp("sound")) as server:
        yield server
