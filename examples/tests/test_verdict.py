"""The verdict that the demo rests on finds what is wrong, and nothing in what is right."""

import pytest
import schedule
import verdict


def run(frames, speed=None):
    """Detections and commands of a faultless run, or one that commands `speed` always."""
    detections, commands = [], []
    for number, frame in enumerate(frames):
        distance = schedule.distance_m(frame)
        detections.append(
            {
                "count": int(distance is not None),
                "closest_distance": 999.0 if distance is None else distance,
                "frame": frame,
                "timestamp_ns": 1000 + number,
            }
        )
        right = 0.0 if schedule.must_stop(frame) else 0.5
        commands.append({"linear": right if speed is None else speed, "timestamp_ns": 1000 + number})
    return detections, commands


def test_a_faultless_run_has_no_faults():
    assert verdict.faults(*run(range(0, 300, 3))) == []


def test_each_may_be_heard_from_later_and_no_longer_than_the_other():
    detections, commands = run(range(0, 300, 3))
    assert verdict.faults(detections, commands[4:-2]) == []
    assert verdict.faults(detections[4:-2], commands) == []


@pytest.mark.parametrize("speed", [0.0, 0.5])
def test_a_constant_answer_fails(speed):
    faults = verdict.faults(*run(range(0, 300, 3), speed))
    assert sum("the schedule says" in fault for fault in faults) > 20
    assert "the robot did not both stop and go on again" in faults


def test_one_wrong_answer_fails():
    detections, commands = run(range(0, 300, 3))
    commands[50]["linear"] = 0.5 - commands[50]["linear"]
    assert len(verdict.faults(detections, commands)) == 1


def test_a_lost_a_doubled_and_a_misplaced_command_fail():
    detections, commands = run(range(0, 300, 3))
    assert verdict.faults(detections, commands[:40] + commands[41:]) != []
    assert verdict.faults(detections, commands[:40] + commands[39:]) != []
    assert verdict.faults(detections, commands[:39] + [commands[40], commands[39]] + commands[41:]) != []


@pytest.mark.parametrize("change", [{"count": 0}, {"count": 2}, {"closest_distance": 0.7}, {"frame": 12}])
def test_a_blind_detector_fails(change):
    detections, commands = run(range(0, 300, 3))
    at_its_nearest = next(i for i, d in enumerate(detections) if d["closest_distance"] == 0.55)
    detections[at_its_nearest] |= change
    assert verdict.faults(detections, commands) != []


def test_nothing_is_a_fault():
    assert verdict.faults([], []) != []
    assert verdict.faults(run(range(30))[0], []) != []


def test_no_distance_is_near_the_limit():
    distances = {schedule.distance_m(frame) for frame in range(schedule.CYCLE_FRAMES)} - {None}
    margin = min(abs(distance - schedule.STOP_DISTANCE_M) for distance in distances)
    assert margin > 2 * verdict.DISTANCE_TOLERANCE * schedule.STOP_DISTANCE_M
