"""The pipeline's launch file, started as its first line says."""

import signal


def test_the_launch_file_starts_the_pipeline_and_one_ctrl_c_ends_it(horus):
    all_three = horus("launch", "multi_process/pipeline/robot_launch.yaml", "-n", "examples")
    echoed = horus("topic", "echo", "cmd_vel", "--count", "3", "--json").lines(lambda line: True)
    assert '"linear"' in echoed[0]
    listed = horus("node", "list", "-o", "csv").lines(lambda line: line.startswith("detector,"))
    assert {line.split(",")[0] for line in listed[1:]} == {"camera", "controller", "detector"}
    assert all_three.stop(signal.SIGINT) == 0
