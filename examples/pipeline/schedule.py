"""When the obstacle stands where: the camera draws by it, the demo's check judges by it.

The detector and the controller never import this: they have only pixels and messages to go by.
"""

FRAME_RATE_HZ = 30
WIDTH, HEIGHT = 640, 480

#: Nearer than this, in metres, the robot has to stand still.
STOP_DISTANCE_M = 1.0

#: Frames of one round: clear, comes nearer, stays, goes away again (2.5 s at 30 fps).
CYCLE_FRAMES = 75

#: An obstacle at one metre is this many pixels wide; at two metres half as many.
PIXELS_AT_ONE_METRE = 120


def distance_m(frame: int) -> float | None:
    """Distance of the obstacle in metres in frame number `frame`, or None if there is none.

    Every distance ends in 5 cm, so that none lies so close to STOP_DISTANCE_M that rounding to
    whole pixels could put it on the other side.
    """
    phase = frame % CYCLE_FRAMES
    if phase < 25:
        return None
    if phase < 45:
        return round(2.45 - 0.1 * (phase - 25), 2)
    if phase < 60:
        return 0.55
    return round(0.65 + 0.1 * (phase - 60), 2)


def must_stop(frame: int) -> bool:
    """Whether a robot that sees frame number `frame` has to stand still."""
    distance = distance_m(frame)
    return distance is not None and distance < STOP_DISTANCE_M
