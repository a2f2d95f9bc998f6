"""All targets, by name."""

from __future__ import annotations

import hostile_telephony
import hostile_texts
import hostile_translators
import hostile_web
from hostile import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for room in (hostile_translators, hostile_telephony, hostile_web, hostile_texts)
    for target in room.TARGETS
}
