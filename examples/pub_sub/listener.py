"""Prints what the talker says, each message once. Start it before the talker, after it, or twice."""

import horus


def hear(node, message):
    print(f"I heard: {message['text']} {message['count']}", flush=True)


# Without a rate or a tick: it sleeps until a message comes.
listener = horus.Node("listener", subs={"chatter": hear})

if __name__ == "__main__":
    horus.run(listener)
