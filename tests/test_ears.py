"""The bench's ears: that what is lost on the way is counted, and what only took its time is not."""

from __future__ import annotations

import numpy as np
import pytest

from bmv.audio import mulaw
from bmv.audio.mulaw import FRAME_BYTES, FRAME_SECONDS, SILENCE
from bmv.audio.resample import Upsampler
from bmv.commands.bench import sound
from bmv.commands.bench.ears import Ear, Heard, UlawEar, WideEar
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

    @property
    def ear(self) -> Ear:
        return self.ulaw if self._kind == "mulaw" else self.wide

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


def test_what_is_still_to_come_is_due_and_lost_when_it_is_given_up(ears: Ears) -> None:
    """The end of a turn, of which nothing comes after."""
    ears.hear(ears.leg.frames(0, 150), 5)
    due = ears.leg.voiced(150, 250)
    assert due > 50
    assert ears.ear.due(250) == pytest.approx(due, abs=10)
    ears.ear.give_up(250)
    assert ears.heard.lost == pytest.approx(due, abs=10)
    assert ears.heard.matched + ears.heard.lost == pytest.approx(ears.leg.voiced(0, 250), abs=10)
    assert ears.ear.due(250) == 0


def test_what_is_heard_in_the_end_was_not_lost_and_is_not_due(ears: Ears) -> None:
    ears.hear(ears.leg.frames(0, 300), 5)
    assert ears.ear.due(250) == 0
    ears.ear.give_up(250)
    assert not ears.heard.lost


def test_of_a_speaker_of_whom_nothing_ever_came_everything_is_lost(ears: Ears) -> None:
    """From the moment on from which it counts."""
    ears.leg.said = 100
    ears.ear.begin(ears.heard)
    ears.leg.said = CYCLE
    ears.hear([SILENCE] * 300, 5)
    ears.ear.give_up(250)
    assert ears.heard.lost == ears.leg.voiced(100, 250) > 100


def test_what_came_is_followed_again_after_it_was_given_up(ears: Ears) -> None:
    ears.hear(ears.leg.frames(0, 120), 10)
    ears.ear.give_up(140)
    lost = ears.heard.lost
    ears.hear(ears.leg.frames(140, 300), 10)
    assert ears.heard.lost == pytest.approx(lost, abs=6)
    assert ears.heard.matched == pytest.approx(ears.leg.voiced(0, 120) + ears.leg.voiced(140, 300), abs=12)


@pytest.mark.parametrize("before", range(1, 10))
def test_the_soft_beginning_of_a_turn_by_which_its_place_is_not_known_yet_is_not_lost(before: int, ears: Ears) -> None:
    begin = (ears.leg.script.turn.start - ears.leg.place) % CYCLE - before
    ears.hear(ears.leg.frames(begin, 300), 10)
    assert ears.heard.lost == 0
    assert ears.heard.matched == pytest.approx(ears.leg.voiced(0, 300), abs=2)
