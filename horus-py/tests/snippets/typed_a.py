# Process A
node.send("cmd_vel", horus.CmdVel(linear=1.0, angular=0.5))
