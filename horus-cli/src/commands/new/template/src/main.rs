//! Drives the robot to its goal: takes `Pose2D` from `pose`, sends `CmdVel` on `cmd_vel`.

use horus_core::messages::{CmdVel, Pose2D};
use horus_core::{Context, Node, NodeOptions, NodeResult, Publisher, Scheduler, Subscriber};

const RATE_HZ: f64 = 100.0;
/// Where to drive, x and y in metres.
const GOAL_M: [f64; 2] = [2.0, 1.0];
/// So near is there.
const NEAR_M: f64 = 0.05;
const MAX_SPEED_M_S: f64 = 0.5;

#[derive(Default)]
struct Controller {
    topics: Option<(Subscriber<Pose2D>, Publisher<CmdVel>)>,
}

impl Node for Controller {
    fn init(&mut self, context: &mut Context) -> NodeResult {
        self.topics = Some((context.subscriber("pose")?, context.publisher("cmd_vel")?));
        Ok(())
    }

    fn tick(&mut self, _context: &mut Context) -> NodeResult {
        let Some((poses, commands)) = &mut self.topics else { return Ok(()) };
        // The newest: of several poses since the last tick, the others are history.
        if let Some(pose) = poses.recv_latest()? {
            commands.send(&command(&pose))?;
        }
        Ok(())
    }
}

/// Returns how to drive on from `pose`: turn towards the goal, and go the faster the straighter it lies ahead.
fn command(pose: &Pose2D) -> CmdVel {
    let (dx, dy) = (GOAL_M[0] - pose.x, GOAL_M[1] - pose.y);
    let distance = dx.hypot(dy);
    if distance < NEAR_M {
        return CmdVel { timestamp_ns: pose.timestamp_ns, ..CmdVel::default() };
    }
    let off = dy.atan2(dx) - pose.theta;
    // The short way round.
    let turn = off.sin().atan2(off.cos());
    let linear = distance.min(MAX_SPEED_M_S) * turn.cos().max(0.0);
    CmdVel { timestamp_ns: pose.timestamp_ns, linear: linear as f32, angular: turn as f32 }
}

fn main() -> horus_core::Result<()> {
    let mut scheduler = Scheduler::new();
    scheduler.add("controller", Controller::default(), NodeOptions::at(RATE_HZ))?;
    scheduler.run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_drives_to_the_goal_and_stops_there() {
        let mut pose = Pose2D::default();
        for _ in 0..2000 {
            let CmdVel { linear, angular, .. } = command(&pose);
            pose.theta += f64::from(angular) * 0.02;
            pose.x += f64::from(linear) * 0.02 * pose.theta.cos();
            pose.y += f64::from(linear) * 0.02 * pose.theta.sin();
        }
        assert!((GOAL_M[0] - pose.x).hypot(GOAL_M[1] - pose.y) < NEAR_M);
        assert_eq!(command(&pose).linear, 0.0);
    }
}
