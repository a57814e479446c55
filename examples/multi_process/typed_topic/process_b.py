import horus

def tick(node):
    # Process B
    if node.has_msg("cmd_vel"):
        cmd = node.recv("cmd_vel")  # CmdVel object, zero-copy
        print(cmd.linear)  # 1.0

horus.run(horus.Node("base", tick=tick, rate=10))
