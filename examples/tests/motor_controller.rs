//! The motor controller as a process: what commands make of the wheels, and that it ends when it is asked to.

mod stage;

use horus_core::messages::CmdVel;
use horus_core::{Publisher, Subscriber};
use horus_examples::WheelSpeed;
use horus_shm::now_ns;
use stage::{Stage, WATCHDOG, topic};
use std::time::{Duration, Instant};

/// What the controller says of itself, told again so that a change there is noticed here.
const WHEEL_RADIUS_M: f32 = 0.05;
const ACCELERATION_M_S2: f32 = 2.0;
const PATIENCE_NS: u64 = 500_000_000;

/// What the wheels do, checked as it comes.
struct Wheels {
    speeds: Subscriber<WheelSpeed>,
    last: Option<WheelSpeed>,
}

impl Wheels {
    /// Receives until `enough`, and returns that speed; every one on the way follows from the one before.
    fn until(&mut self, mut enough: impl FnMut(&WheelSpeed) -> bool) -> WheelSpeed {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < WATCHDOG, "waited in vain; last: {:?}", self.last);
            let Some(speed) = self.speeds.recv_timeout(Duration::from_millis(100)).unwrap() else { continue };
            if let Some(last) = self.last {
                assert!(speed.timestamp_ns > last.timestamp_ns);
                let passed_s = (speed.timestamp_ns - last.timestamp_ns) as f32 / 1e9;
                let limit = ACCELERATION_M_S2 / WHEEL_RADIUS_M * passed_s + 1e-3;
                assert!((speed.left - last.left).abs() <= limit, "{last:?} then {speed:?}");
                assert!((speed.right - last.right).abs() <= limit, "{last:?} then {speed:?}");
            }
            self.last = Some(speed);
            if enough(&speed) {
                return speed;
            }
        }
    }
}

#[test]
fn commands_become_wheel_speeds_until_none_come() {
    let mut stage = Stage::new("motor", env!("CARGO_BIN_EXE_motor_controller"));
    let us = stage.join();
    let mut commands = Publisher::<CmdVel>::open(&us, &topic("cmd_vel"), Default::default()).unwrap();
    let speeds = Subscriber::open(&us, &topic("wheel_speed"), Default::default()).unwrap();
    let mut wheels = Wheels { speeds, last: None };

    let first = wheels.until(|_| true);
    assert_eq!((first.left, first.right), (0.0, 0.0), "nothing was commanded");

    // 0.3 m/s, and 1 rad/s to the left: 0.15 m/s at the left rim, 0.45 m/s at the right one.
    let mut sent_ns = 0;
    let mut drive = |_: &WheelSpeed| {
        sent_ns = now_ns();
        commands.send(&CmdVel { timestamp_ns: sent_ns, linear: 0.3, angular: 1.0 }).unwrap();
    };
    wheels.until(|speed| {
        drive(speed);
        (speed.left - 3.0).abs() < 1e-3 && (speed.right - 9.0).abs() < 1e-3
    });

    let slower = wheels.until(|speed| speed.right < 8.99);
    assert!(slower.timestamp_ns >= sent_ns + PATIENCE_NS, "it waited for the next command");
    wheels.until(|speed| speed.left == 0.0 && speed.right == 0.0);

    assert_eq!(stage.stop(), Some(0));
}
