use super::*;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// A session being fed; keeps what it answered last.
struct Fed {
    session: Option<Session>,
    now: Duration,
}

impl Fed {
    fn new(policies: &[RestartPolicy]) -> Fed {
        let rules = policies.iter().map(|restart| NodeRules { restart: *restart, stop_timeout: MS(5_000) });
        let mut fed = Fed { session: Some(Session::new(rules)), now: Duration::ZERO };
        let actions = fed.feed(Event::Begin);
        assert_eq!(actions, (0..policies.len()).map(Action::Spawn).collect::<Vec<_>>());
        for index in 0..policies.len() {
            assert_eq!(fed.feed(Event::Spawned(index)), []);
        }
        fed
    }

    fn feed(&mut self, event: Event) -> Vec<Action> {
        let (session, actions) = self.session.take().unwrap().step(event, self.now);
        self.session = Some(session);
        actions
    }

    fn feed_at(&mut self, now: Duration, event: Event) -> Vec<Action> {
        self.now = now;
        self.feed(event)
    }

    fn deadline(&self) -> Option<Duration> {
        self.session.as_ref().unwrap().deadline()
    }

    /// The status after the sweep found nothing.
    fn finish(&mut self) -> u8 {
        match self.feed(Event::Strays(0))[..] {
            [Action::Finish(status)] => status,
            ref other => panic!("{other:?}"),
        }
    }
}

const ONCE: RestartPolicy = RestartPolicy::never();
const AGAIN: RestartPolicy = RestartPolicy::on_failure();

#[test]
fn all_end_well() {
    let mut fed = Fed::new(&[ONCE, ONCE]);
    assert_eq!(fed.feed(Event::Exited(1, Exit::Code(0))), [say(1, NoteKind::Finished)]);
    assert_eq!(fed.feed(Event::Exited(0, Exit::Code(0))), [say(0, NoteKind::Finished), Action::CountStrays]);
    assert_eq!(fed.finish(), 0);
}

#[test]
fn a_failure_leaves_the_others_running_and_the_first_in_time_counts() {
    let mut fed = Fed::new(&[ONCE, ONCE, ONCE]);
    let failed = |code| NoteKind::Failed { exit: Exit::Code(code) };
    assert_eq!(fed.feed(Event::Exited(2, Exit::Code(7))), [say(2, failed(7))]);
    assert_eq!(fed.feed(Event::Exited(0, Exit::Code(3))), [say(0, failed(3))]);
    assert_eq!(fed.feed(Event::Exited(1, Exit::Code(0))).last(), Some(&Action::CountStrays));
    assert_eq!(fed.finish(), 7);
}

#[test]
fn a_stop_asks_all_and_what_ends_of_it_ended_well() {
    let mut fed = Fed::new(&[ONCE, ONCE]);
    assert_eq!(fed.feed(Event::Stop), [Action::Terminate(0), Action::Terminate(1)]);
    assert_eq!(fed.feed(Event::Stop), [], "a second SIGTERM is no more than the first");
    assert_eq!(fed.feed(Event::Exited(0, Exit::TERMINATED)), []);
    assert_eq!(fed.feed(Event::Exited(1, Exit::Code(0))), [Action::CountStrays]);
    assert_eq!(fed.finish(), 0);
}

#[test]
fn a_sigterm_that_we_did_not_send_is_a_failure() {
    let mut fed = Fed::new(&[ONCE]);
    fed.feed(Event::Exited(0, Exit::TERMINATED));
    assert_eq!(fed.finish(), 143);
}

#[test]
fn who_does_not_end_is_killed_when_the_grace_is_over_and_not_before() {
    let mut fed = Fed::new(&[ONCE, ONCE]);
    fed.feed_at(MS(1_000), Event::Stop);
    fed.feed_at(MS(1_500), Event::Exited(1, Exit::Code(0)));
    assert_eq!(fed.deadline(), Some(MS(6_000)));
    assert_eq!(fed.feed_at(MS(5_999), Event::Tick), []);
    let killed = say(0, NoteKind::DidNotStop { timeout: MS(5_000) });
    assert_eq!(fed.feed_at(MS(6_000), Event::Tick), [killed, Action::Kill(0)]);
    assert_eq!(fed.feed_at(MS(9_000), Event::Tick), [], "once is enough");
    assert_eq!(fed.feed(Event::Exited(0, Exit::KILLED)), [Action::CountStrays]);
    assert_eq!(fed.finish(), 137);
}

#[test]
fn a_kill_cuts_the_grace_short() {
    let mut fed = Fed::new(&[ONCE, AGAIN]);
    fed.feed(Event::Stop);
    assert_eq!(fed.feed(Event::Kill), [Action::Kill(0), Action::Kill(1)]);
    fed.feed(Event::Exited(0, Exit::KILLED));
    assert_eq!(fed.feed(Event::Exited(1, Exit::KILLED)), [Action::CountStrays]);
    assert_eq!(fed.feed(Event::Strays(2)), [Action::KillStrays], "no grace for strays either");
    assert_eq!(fed.feed(Event::Strays(1)), [Action::KillStrays]);
    assert_eq!(fed.finish(), 130);
}

#[test]
fn a_failure_is_started_again_three_times() {
    let mut fed = Fed::new(&[AGAIN]);
    let exit = Exit::Code(1);
    for retry in 1..=3 {
        let actions = fed.feed(Event::Exited(0, exit));
        let Some(Action::Say(Note { kind: NoteKind::RestartsIn { pause, retry: said, of: 3, .. }, .. })) =
            actions.first().cloned()
        else {
            panic!("{actions:?}")
        };
        assert_eq!((said, actions.len()), (retry, 1));
        let due = fed.now + pause;
        assert_eq!(fed.deadline(), Some(due));
        assert_eq!(fed.feed_at(due - MS(1), Event::Tick), []);
        assert_eq!(fed.feed_at(due, Event::Tick), [Action::Spawn(0)]);
        assert_eq!(fed.feed(Event::Spawned(0)), []);
    }
    let given_up = say(0, NoteKind::GivenUp { exit, retries: 3 });
    assert_eq!(fed.feed(Event::Exited(0, exit)), [given_up, Action::CountStrays]);
    assert_eq!(fed.finish(), 1);
}

#[test]
fn one_that_is_to_run_always_and_is_given_up_has_failed() {
    let always = RestartPolicy { when: RestartWhen::Always, max_retries: 1, ..AGAIN };
    let mut fed = Fed::new(&[always]);
    let exit = Exit::Code(0);
    fed.feed(Event::Exited(0, exit));
    fed.feed_at(fed.deadline().unwrap(), Event::Tick);
    fed.feed(Event::Spawned(0));
    let given_up = say(0, NoteKind::GivenUp { exit, retries: 1 });
    assert_eq!(fed.feed(Event::Exited(0, exit)), [given_up, Action::CountStrays]);
    assert_eq!(fed.finish(), 1);
}

#[test]
fn long_enough_up_earns_the_count_back() {
    let mut fed = Fed::new(&[AGAIN]);
    for up in [MS(59_999), MS(60_000)] {
        fed.feed_at(fed.now + up, Event::Exited(0, Exit::Signal { signal: 11, core: true }));
        fed.feed_at(fed.deadline().unwrap(), Event::Tick);
        fed.feed(Event::Spawned(0));
    }
    // Twice in a row, then the count was earned back: 59.999 s gave the first, 60 s a first again.
    let actions = fed.feed(Event::Exited(0, Exit::Code(1)));
    assert!(matches!(actions[..], [Action::Say(Note { kind: NoteKind::RestartsIn { retry: 2, .. }, .. })]));
}

#[test]
fn a_recovered_node_s_failure_is_forgotten() {
    let mut fed = Fed::new(&[AGAIN]);
    fed.feed(Event::Exited(0, Exit::Code(9)));
    fed.feed_at(fed.deadline().unwrap(), Event::Tick);
    fed.feed(Event::Spawned(0));
    fed.feed(Event::Exited(0, Exit::Code(0)));
    assert_eq!(fed.finish(), 0);
}

#[test]
fn a_stop_during_the_pause_cancels_the_start() {
    let mut fed = Fed::new(&[AGAIN]);
    fed.feed(Event::Exited(0, Exit::Code(4)));
    assert_eq!(fed.feed(Event::Stop), [Action::CountStrays]);
    assert_eq!(fed.deadline(), None);
    assert_eq!(fed.finish(), 4);
}

#[test]
fn a_stop_while_a_process_is_being_made_reaches_it() {
    let mut fed = Fed::new(&[AGAIN]);
    fed.feed(Event::Exited(0, Exit::Code(4)));
    fed.feed_at(fed.deadline().unwrap(), Event::Tick);
    assert_eq!(fed.feed(Event::Stop), []);
    assert_eq!(fed.feed(Event::Spawned(0)), [Action::Terminate(0)]);
    fed.feed(Event::Exited(0, Exit::Code(0)));
    assert_eq!(fed.finish(), 0);
}

#[test]
fn what_can_t_be_spawned_is_a_failure_of_its_own() {
    let session = Session::new([NodeRules { restart: AGAIN, stop_timeout: MS(5_000) }]);
    let mut fed = Fed { session: Some(session), now: MS(0) };
    fed.feed(Event::Begin);
    assert_eq!(fed.feed(Event::SpawnFailed(0)), [Action::CountStrays]);
    assert_eq!(fed.finish(), 1);
}

#[test]
fn strays_are_asked_and_then_killed_until_none_is_left() {
    let mut fed = Fed::new(&[ONCE]);
    fed.feed_at(MS(10), Event::Exited(0, Exit::Code(0)));
    assert_eq!(fed.feed(Event::Strays(1)), [Action::TerminateStrays]);
    assert_eq!(fed.feed(Event::Strays(1)), [], "asked once");
    assert_eq!(fed.deadline(), Some(MS(2_010)));
    assert_eq!(fed.feed_at(MS(2_009), Event::Tick), []);
    assert_eq!(fed.feed_at(MS(2_010), Event::Tick), [Action::KillStrays]);
    assert_eq!(fed.feed(Event::Strays(1)), [Action::KillStrays]);
    assert_eq!(fed.finish(), 0);
}

#[test]
fn the_same_events_give_the_same_actions() {
    let run = || {
        let mut fed = Fed::new(&[AGAIN, AGAIN]);
        (fed.feed(Event::Exited(0, Exit::Code(1))), fed.feed(Event::Exited(1, Exit::Code(1))))
    };
    assert_eq!(run(), run());
    let (first, second) = run();
    assert_ne!(first, second, "jitter tells nodes apart");
}
