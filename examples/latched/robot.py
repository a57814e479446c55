"""Drives as fast as the configuration allows; stands still as long as there is none."""

import horus


class Robot(horus.Node):
    def __init__(self):
        super().__init__("robot", subs=["config"], pubs={"cmd_vel": horus.CmdVel}, rate=20)
        self.max_speed = 0.0

    def tick(self):
        config = self.recv_latest("config")
        if config is not None:
            self.max_speed = config["max_speed"]
            print(f"at most {self.max_speed} m/s from now on", flush=True)
        self.send("cmd_vel", horus.CmdVel(linear=self.max_speed))


if __name__ == "__main__":
    horus.run(Robot())
