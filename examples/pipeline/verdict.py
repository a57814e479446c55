"""Judges a run of the pipeline by the camera's schedule, message by message."""

from collections.abc import Sequence

import schedule

#: Rounding the box to whole pixels moves the distance by at most this share.
DISTANCE_TOLERANCE = 0.02


def faults(detections: Sequence[dict], commands: Sequence[dict]) -> list[str]:
    """Everything in which `detections` and `commands`, as received and in order, depart from the schedule.

    A command names the detection that it answers by its time. Detections before the first and after
    the last command are judged alone: the controller may have joined later, or been stopped first.
    Commands from before the first and after the last detection are left out: each topic is listened to by
    a process of its own, and one may have come later or gone earlier than the other.
    An empty list means: every judged frame was seen right and answered right, and the robot both
    stopped and went on.
    """
    found = [fault for detection in detections for fault in _detection_faults(detection)]
    frames = [detection["frame"] for detection in detections]
    if any(later <= earlier for earlier, later in zip(frames, frames[1:], strict=False)):
        found.append(f"frames out of order: {frames}")
    found += _pairing_faults(detections, commands)

    frame_of = {detection["timestamp_ns"]: detection["frame"] for detection in detections}
    answered = [(frame_of[c["timestamp_ns"]], c["linear"]) for c in commands if c["timestamp_ns"] in frame_of]
    for frame, linear in answered:
        if (linear == 0.0) != schedule.must_stop(frame):
            wanted = "stop" if schedule.must_stop(frame) else "go"
            found.append(f"frame {frame}: the schedule says {wanted}, the command was {linear} m/s")
    if changes(linear for _, linear in answered) < 2:
        found.append("the robot did not both stop and go on again")
    return found


def changes(speeds) -> int:
    """How often standing and moving took turns in `speeds`, in m/s."""
    standing = [speed == 0.0 for speed in speeds]
    return sum(now != before for before, now in zip(standing, standing[1:], strict=False))


def _detection_faults(detection: dict) -> list[str]:
    frame, seen = detection["frame"], detection["closest_distance"]
    true = schedule.distance_m(frame)
    if true is None:
        return [] if detection["count"] == 0 else [f"frame {frame}: saw one at {seen} m, there is none"]
    if detection["count"] != 1:
        return [f"frame {frame}: saw {detection['count']} obstacles, there is one at {true} m"]
    if abs(seen - true) > DISTANCE_TOLERANCE * true:
        return [f"frame {frame}: saw the obstacle at {seen} m, it is at {true} m"]
    return []


def _pairing_faults(detections: Sequence[dict], commands: Sequence[dict]) -> list[str]:
    """Between the first and the last command each detection has exactly one command, in the same order."""
    if not detections or not commands:
        return [f"{len(detections)} detections and {len(commands)} commands came"]
    asked = [detection["timestamp_ns"] for detection in detections]
    given = [stamp for stamp in (c["timestamp_ns"] for c in commands) if asked[0] <= stamp <= asked[-1]]
    if not given:
        return ["no command answers any detection"]
    expected = [stamp for stamp in asked if given[0] <= stamp <= given[-1]]
    return [] if given == expected else [f"{len(given)} commands answer {len(expected)} detections"]
