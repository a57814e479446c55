"""Asks a web service that takes its time, while another node of the same process ticks at 100 Hz undisturbed.

The service stands in for whatever answers late: a charging station, a database, a model in the cloud.
"""

import asyncio
import json
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import horus

ANSWER_S = 0.25


class Station(BaseHTTPRequestHandler):
    """The service: answers slowly how much the battery holds."""

    def do_GET(self):
        time.sleep(ANSWER_S)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"charge": 0.8}).encode())

    def log_message(self, *_):
        pass


def get(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


class Charger(horus.Node):
    """Publishes what the station says. Its methods are coroutines: what they await holds up nobody else."""

    def __init__(self):
        super().__init__("charger", pubs=["battery"], rate=10)

    async def init(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Station)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    async def tick(self):
        # One tick at a time: those that fall due while this one waits are left out and counted as overruns.
        self.send("battery", await asyncio.to_thread(get, self.url))

    async def on_error(self, error):
        self.log_warning(f"the station doesn't answer: {error}")
        await asyncio.sleep(1)

    async def shutdown(self):
        await asyncio.to_thread(self.server.shutdown)
        self.server.server_close()


class Control(horus.Node):
    """Ticks at 100 Hz, whatever the charger waits for."""

    def __init__(self):
        super().__init__("control", subs={"battery": self.on_battery}, rate=100)
        self.ticks = 0

    def tick(self):
        self.ticks += 1

    def on_battery(self, node, battery):
        print(f"charge {battery['charge']:.0%}, {self.ticks} control ticks since the last answer", flush=True)
        self.ticks = 0


if __name__ == "__main__":
    horus.run(Charger(), Control())
