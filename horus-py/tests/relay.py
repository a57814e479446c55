"""Sends on what comes: relay.py COUNT TOPIC…, as many messages of each topic, to the topic with `/back` behind it."""

import sys

import horus

WATCHDOG_S = 60


def main() -> None:
    count, *names = sys.argv[1:]
    ways = [(horus.Topic(name), horus.Topic(name + "/back")) for name in names]
    for into, out in ways:
        # Subscribed now, so that nothing that is sent once we are ready is missed.
        into.has_msg()
        out.close()
    print("ready", flush=True)
    for into, out in ways:
        for _ in range(int(count)):
            assert into.wait(WATCHDOG_S), f"nothing came on {into.name}"
            out.send(into.recv())
    sys.stdin.readline()


if __name__ == "__main__":
    main()
