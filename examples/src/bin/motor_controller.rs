//! A motor controller for a base with two driven wheels: a thousand times a second it turns the newest velocity command
//! into wheel speeds that the motors can follow.
//!
//! It takes `CmdVel` from `cmd_vel`, whoever sends it and in whatever language, and sends [`WheelSpeed`] on
//! `wheel_speed`. After `cargo build --release`:
//!
//! ```text
//! horus run motor_controller
//! horus topic pub cmd_vel '{linear: 0.5, angular: 0.2}' -r 10     # in the same terminal's session
//! horus topic echo wheel_speed
//! ```
//!
//! The thinking is in [`Drive`], which knows neither topics nor clocks and is tested without them; [`MotorController`]
//! around it only receives, asks and sends.

use horus_core::messages::CmdVel;
use horus_core::{Context, Node, NodeOptions, NodeResult, Publisher, Scheduler, Subscriber};
use horus_examples::WheelSpeed;
use horus_shm::now_ns;

/// From a wheel's axle to the floor, in metres.
const WHEEL_RADIUS_M: f32 = 0.05;
/// From one wheel to the other, in metres.
const TRACK_M: f32 = 0.30;
/// What a wheel's rim does at most, in m/s.
const MAX_SPEED_M_S: f32 = 1.0;
/// How fast a rim's speed changes at most, in m/s²: beyond it the wheels slip.
const ACCELERATION_M_S2: f32 = 2.0;
/// After so long without a command the base stops: who sent the last one may be dead. 0.5 s is five commands of a
/// planner at 10 Hz; much less, and one slow picture stops the robot, much more, and it runs into the wall.
const PATIENCE_NS: u64 = 500_000_000;
/// A step is counted as no longer than this, in nanoseconds: a process that was stopped for a second must not let the
/// wheels jump by a second's worth.
const LONGEST_STEP_NS: u64 = 10_000_000;

const TICK_HZ: f64 = 1000.0;

/// Speeds of the left and of the right wheel's rim, in m/s.
type Rims = [f32; 2];

/// What the wheels do now and ought to do.
#[derive(Debug, Default)]
struct Drive {
    /// The last command, and when it came.
    command: Option<(CmdVel, u64)>,
    rims: Rims,
    stepped_ns: Option<u64>,
}

impl Drive {
    /// Takes a command that came at `now_ns`. One that isn't finite is a command to stop.
    fn hear(&mut self, command: CmdVel, now_ns: u64) {
        self.command = Some((command, now_ns));
    }

    /// Moves the wheels' speeds on to `now_ns` and returns what the motors are to do from now.
    fn step(&mut self, now_ns: u64) -> WheelSpeed {
        let passed_ns = now_ns.saturating_sub(self.stepped_ns.unwrap_or(now_ns)).min(LONGEST_STEP_NS);
        self.stepped_ns = Some(now_ns);
        let change = ACCELERATION_M_S2 * (passed_ns as f32 / 1e9);
        self.rims = towards(self.rims, self.target(now_ns), change);
        let [left, right] = self.rims.map(|speed| speed / WHEEL_RADIUS_M);
        WheelSpeed { timestamp_ns: now_ns, left, right }
    }

    /// What the wheels' rims ought to do.
    fn target(&self, now_ns: u64) -> Rims {
        match self.command {
            Some((command, came_ns)) if now_ns.saturating_sub(came_ns) <= PATIENCE_NS => rims_of(&command),
            _ => [0.0; 2],
        }
    }
}

/// The rims' speeds that drive as commanded; too fast a command is slowed down on the same curve.
fn rims_of(command: &CmdVel) -> Rims {
    if !command.linear.is_finite() || !command.angular.is_finite() {
        return [0.0; 2];
    }
    let turn = command.angular * TRACK_M / 2.0;
    let rims = [command.linear - turn, command.linear + turn];
    let faster = rims[0].abs().max(rims[1].abs());
    if faster <= MAX_SPEED_M_S { rims } else { rims.map(|speed| speed * (MAX_SPEED_M_S / faster)) }
}

/// Speeds from `now` towards `target`, neither changed by more than `change`, both arriving together.
fn towards(now: Rims, target: Rims, change: f32) -> Rims {
    let missing = [target[0] - now[0], target[1] - now[1]];
    let more = missing[0].abs().max(missing[1].abs());
    if more <= change {
        return target;
    }
    let share = change / more;
    [now[0] + share * missing[0], now[1] + share * missing[1]]
}

/// The node: commands in, wheel speeds out.
#[derive(Debug, Default)]
struct MotorController {
    drive: Drive,
    topics: Option<Topics>,
}

/// Opened when the node starts.
#[derive(Debug)]
struct Topics {
    commands: Subscriber<CmdVel>,
    wheels: Publisher<WheelSpeed>,
}

impl Node for MotorController {
    fn init(&mut self, context: &mut Context) -> NodeResult {
        let (commands, wheels) = (context.subscriber("cmd_vel")?, context.publisher("wheel_speed")?);
        self.topics = Some(Topics { commands, wheels });
        Ok(())
    }

    fn tick(&mut self, _context: &mut Context) -> NodeResult {
        let Some(Topics { commands, wheels }) = &mut self.topics else { return Ok(()) };
        // The newest: of several commands since the last tick, the others are history.
        let command = commands.recv_latest()?;
        let now_ns = now_ns();
        if let Some(command) = command {
            self.drive.hear(command, now_ns);
        }
        // Here a real base would also write the speeds to its motors.
        wheels.send(&self.drive.step(now_ns))?;
        Ok(())
    }

    fn shutdown(&mut self, _context: &mut Context) -> NodeResult {
        let Some(Topics { wheels, .. }) = &mut self.topics else { return Ok(()) };
        wheels.send(&WheelSpeed { timestamp_ns: now_ns(), ..WheelSpeed::default() })?;
        Ok(())
    }
}

fn main() -> horus_core::Result<()> {
    let mut scheduler = Scheduler::new();
    scheduler.add("motor_controller", MotorController::default(), NodeOptions::at(TICK_HZ))?;
    scheduler.run()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn command(linear: f32, angular: f32) -> CmdVel {
        CmdVel { linear, angular, ..CmdVel::default() }
    }

    /// A drive that heard `command` at time 0, and its rims' speeds after each millisecond.
    fn driven(command: CmdVel, milliseconds: u64) -> (Drive, Vec<Rims>) {
        let mut drive = Drive::default();
        drive.step(0);
        drive.hear(command, 0);
        let rims = (1..=milliseconds).map(|ms| rims(drive.step(ms * MS))).collect();
        (drive, rims)
    }

    fn rims(speed: WheelSpeed) -> Rims {
        [speed.left, speed.right].map(|speed| speed * WHEEL_RADIUS_M)
    }

    fn near(a: Rims, b: Rims) -> bool {
        (0..2).all(|wheel| (a[wheel] - b[wheel]).abs() < 1e-4)
    }

    #[test]
    fn straight_on_both_wheels_do_the_same_and_a_turn_sets_them_apart() {
        assert!(near(rims_of(&command(0.5, 0.0)), [0.5, 0.5]));
        // To the left the right wheel is the outer one.
        assert!(near(rims_of(&command(0.5, 1.0)), [0.35, 0.65]));
        assert!(near(rims_of(&command(0.0, -2.0)), [0.3, -0.3]));
    }

    #[test]
    fn too_fast_a_command_keeps_its_curve() {
        let rims = rims_of(&command(2.0, 4.0));
        assert!(near(rims, [1.4 / 2.6, 1.0]), "{rims:?}");
    }

    #[test]
    fn speeds_rise_no_faster_than_they_may_and_arrive() {
        let (_, rims) = driven(command(0.5, 1.0), 400);
        let mut before = [0.0; 2];
        for now in &rims {
            for wheel in 0..2 {
                assert!(now[wheel] - before[wheel] <= ACCELERATION_M_S2 * 0.001 + 1e-5, "{before:?} {now:?}");
                assert!(now[wheel] >= before[wheel]);
            }
            before = *now;
        }
        assert!(
            near(rims[199], [0.4 * 0.35 / 0.65, 0.4]),
            "both on their way by the same share: {:?}",
            rims[199]
        );
        assert!(!near(rims[320], [0.35, 0.65]) && near(rims[325], [0.35, 0.65]));
    }

    #[test]
    fn without_a_command_it_stands_still() {
        let mut drive = Drive::default();
        assert!(
            (0..100)
                .all(|ms| drive.step(ms * MS) == WheelSpeed { timestamp_ns: ms * MS, ..Default::default() })
        );
    }

    #[test]
    fn half_a_second_after_the_last_command_it_stops_gently() {
        let (mut drive, rims_before) = driven(command(0.5, 0.0), 500);
        assert!(near(rims_before[499], [0.5, 0.5]));
        assert!(near(rims(drive.step(501 * MS)), [0.498, 0.498]), "it begins at once");
        let rims_after: Vec<_> = (502..=760).map(|ms| rims(drive.step(ms * MS))).collect();
        assert!(rims_after.windows(2).all(|pair| pair[1][0] <= pair[0][0]));
        assert_eq!(rims_after.last(), Some(&[0.0, 0.0]));

        drive.hear(command(0.5, 0.0), 800 * MS);
        assert!(rims(drive.step(801 * MS))[0] > 0.0, "a new command sets it going again");
    }

    #[test]
    fn a_command_that_is_no_number_stops_it() {
        for wrong in [f32::NAN, f32::INFINITY] {
            let (mut drive, _) = driven(command(0.5, 0.0), 300);
            drive.hear(command(wrong, 0.0), 300 * MS);
            assert!(rims(drive.step(301 * MS))[0] < 0.5);
            drive.hear(command(0.5, wrong), 302 * MS);
            let last = (303..700).map(|ms| rims(drive.step(ms * MS))).last();
            assert_eq!(last, Some([0.0, 0.0]));
        }
    }

    #[test]
    fn after_a_pause_the_wheels_do_not_jump() {
        let mut drive = Drive::default();
        drive.step(0);
        drive.hear(command(1.0, 0.0), 5_000 * MS);
        let longest = LONGEST_STEP_NS as f32 / 1e9;
        assert!(near(rims(drive.step(5_000 * MS)), [ACCELERATION_M_S2 * longest; 2]));
    }
}
