//! The motor controller as a process: what commands make of the wheels, and that it ends when it is asked to.

use horus_core::messages::CmdVel;
use horus_core::{Publisher, Subscriber};
use horus_examples::WheelSpeed;
use horus_shm::{Language, Namespace, Participant, Settings, TopicName, now_ns};
use rustix::process::{Pid, Signal, kill_process};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Far beyond anything that goes well; only ends a test that hangs.
const WATCHDOG: Duration = Duration::from_secs(60);
/// What the controller says of itself, told again so that a change there is noticed here.
const WHEEL_RADIUS_M: f32 = 0.05;
const ACCELERATION_M_S2: f32 = 2.0;
const PATIENCE_NS: u64 = 500_000_000;

/// A shared memory root and a controller in it; both gone with the test.
struct Stage {
    folder: PathBuf,
    controller: Child,
}

impl Stage {
    fn new() -> Stage {
        let folder = PathBuf::from(format!("/dev/shm/horus-test-motor-{}", std::process::id()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_motor_controller"));
        command.env("HORUS_SHM_DIR", &folder).env("HORUS_NAMESPACE", "test");
        let controller = command.spawn().unwrap();
        Stage { folder, controller }
    }

    fn join(&self) -> Arc<Participant> {
        let settings = Settings { shm_dir: Some(self.folder.clone()), namespace: Some("test".to_owned()) };
        Participant::join(&Namespace::open(&settings).unwrap(), Language::Rust).unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.controller.kill();
        let _ = self.controller.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

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
    let mut stage = Stage::new();
    let us = stage.join();
    let topic = |name| TopicName::new(name).unwrap();
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

    let pid = Pid::from_child(&stage.controller);
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(stage.controller.wait().unwrap().code(), Some(0));
}
