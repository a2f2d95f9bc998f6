"""The bench's ears: that what is lost on the way is counted, and what only took its time is not."""

from __future__ import annotations

import numpy as np
import pytest

from bmv.audio import mulaw
from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS, SILENCE
from bmv.audio.resample import Upsampler
from bmv.commands.bench import sound
from bmv.commands.bench.ears import Heard, UlawEar, WideEar
from bmv.commands.bench.sound import CYCLE, Script


class Somebody:
    """A leg that has said two cycles of the script, a frame every 20 ms from time 0 on."""

    def __init__(self, role: str = "caller", place: int = 450) -> None:
        self.script: Script = sound.script(role)
        self.place = place
        self.said = 2 * CYCLE

    def sent_at(self, frame: int) -> float:
        return frame * FRAME_SECONDS

    def frames(self, begin: int, end: int) -> list[bytes]:
        return [self.script.frames[(self.place + frame) % CYCLE] for frame in range(begin, end)]

    def voiced(self, begin: int, end: int) -> int:
        return sum(self.script.voiced[(self.place + frame) % CYCLE] for frame in range(begin, end))


class Ears:
    """Both ears on the same leg, as a model has them, and what they tell."""

    def __init__(self, kind: str) -> None:
        self.leg, self.heard = Somebody(), Heard()
        self.told: list[tuple[int, float]] = []
        self.ulaw = UlawEar(self.leg, self.heard, self._note)
        self.wide = WideEar(self.leg, self.heard, self._note)
        self.leg.said = CYCLE
        self._kind = kind
        self._up = Upsampler()

    def _note(self, frame: int, sent_at: float) -> None:
        self.told.append((frame, sent_at))

    def hear(self, frames: list[bytes], batch: int) -> None:
        for begin in range(0, len(frames), batch):
            audio = b"".join(frames[begin : begin + batch])
            if self._kind == "mulaw":
                self.ulaw.hear(audio)
            else:
                self.wide.hear(self._up.process(mulaw.decode(audio)).astype("<i2").tobytes())


@pytest.fixture(params=["mulaw", "24k"])
def ears(request: pytest.FixtureRequest) -> Ears:
    return Ears(request.param)


@pytest.mark.parametrize("batch", [1, 5, 10])
def test_all_that_is_said_is_known_again_in_messages_of_any_size(ears: Ears, batch: int) -> None:
    ears.hear(ears.leg.frames(0, 300), batch)
    assert ears.heard.lost == ears.heard.altered == 0
    assert ears.heard.matched == pytest.approx(ears.leg.voiced(0, 300), abs=10)


def test_each_message_is_told_with_its_last_frame_and_when_that_was_sent(ears: Ears) -> None:
    ears.hear(ears.leg.frames(0, 300), 10)
    assert [frame for frame, _ in ears.told[-2:]] == [289, 299]
    assert [sent_at for _, sent_at in ears.told[-2:]] == pytest.approx([289 * FRAME_SECONDS, 299 * FRAME_SECONDS])


def test_voiced_frames_that_are_left_out_are_lost(ears: Ears) -> None:
    """Half a second in the middle of a turn."""
    gap = range(120, 145)
    ears.hear([*ears.leg.frames(0, gap.start), *ears.leg.frames(gap.stop, 300)], 5)
    assert ears.heard.lost == pytest.approx(ears.leg.voiced(gap.start, gap.stop), abs=6)
    assert ears.heard.matched + ears.heard.lost + ears.heard.altered == pytest.approx(ears.leg.voiced(0, 300), abs=10)


def test_a_pause_that_is_shortened_is_no_loss() -> None:
    ears = Ears("mulaw")
    assert not any(sound.script("caller").voiced[205:250])
    pause = range(5, 30)  # from place 455 on
    ears.hear([*ears.leg.frames(0, pause.start), *ears.leg.frames(pause.stop, 300)], 5)
    assert ears.heard.lost == ears.heard.altered == 0


def test_silence_in_the_place_of_speech_is_noticed(ears: Ears) -> None:
    frames = ears.leg.frames(0, 300)
    frames[120:160] = [SILENCE] * 40
    ears.hear(frames, 5)
    assert ears.heard.altered == pytest.approx(ears.leg.voiced(120, 160), abs=12)


def test_nothing_is_found_in_what_is_nobodys(ears: Ears) -> None:
    buzz = mulaw.encode(np.tile(np.array([900, -900], np.int16), FRAME_BYTES // 2))
    clicks = [buzz if number % 3 else SILENCE for number in range(300)]
    ears.hear(clicks, 5)
    assert not ears.heard.matched
