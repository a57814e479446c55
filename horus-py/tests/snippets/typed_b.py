# Process B
if node.has_msg("cmd_vel"):
    cmd = node.recv("cmd_vel")  # CmdVel object, zero-copy
    print(cmd.linear)  # 1.0
