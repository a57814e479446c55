//! Who sends through which lane, and that nothing comes twice, out of turn or uncounted.

use crate::topic::Seen;

/// What came so far, by lane.
#[derive(Debug)]
pub(crate) struct Order {
    lanes: [Option<Lane>; 64],
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    publisher: u64,
    /// The lane's number of the publisher's first message.
    base: u64,
    last: u64,
}

impl Default for Order {
    fn default() -> Self {
        Self { lanes: [None; 64] }
    }
}

impl Order {
    /// Takes note of a message; returns whether it is its publisher's first here.
    ///
    /// A publisher numbers its messages itself, the lane numbers them too: the two go together from its first message
    /// to its last, so what the subscriber counts as missed by the lane's numbers is what the publisher sent.
    pub(crate) fn take(&mut self, seen: &Seen) -> Result<bool, String> {
        let Seen { publisher, number, lane, sequence } = *seen;
        let Some(base) = sequence.checked_sub(number) else {
            return Err(format!(
                "count: message {number} of {publisher} is only the {sequence}th of its lane"
            ));
        };
        let slot = &mut self.lanes[usize::from(lane)];
        let before = *slot;
        *slot = Some(Lane { publisher, base, last: sequence });
        match before {
            Some(before) if sequence <= before.last => {
                Err(format!("order: {sequence} of lane {lane} came after {}", before.last))
            }
            Some(before) if before.publisher == publisher && before.base != base => Err(format!(
                "count: message {number} of {publisher} is number {} since its first",
                sequence.wrapping_sub(before.base)
            )),
            Some(before) if before.publisher == publisher => Ok(false),
            Some(before) if base <= before.last => Err(format!(
                "count: {publisher} would have begun at {base}, but {} was another's",
                before.last
            )),
            _ => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(publisher: u64, number: u64, sequence: u64) -> Seen {
        Seen { publisher, number, lane: 3, sequence }
    }

    #[test]
    fn a_publisher_and_the_next_in_its_lane() {
        let mut order = Order::default();
        assert_eq!(order.take(&seen(1, 0, 10)), Ok(true));
        assert_eq!(order.take(&seen(1, 5, 15)), Ok(false), "four were missed");
        assert_eq!(order.take(&seen(2, 3, 20)), Ok(true));
        assert_eq!(order.take(&seen(2, 4, 21)), Ok(false));
    }

    #[test]
    fn what_comes_twice_or_uncounted_is_an_error() {
        for (wrong, word) in [
            (seen(1, 5, 15), "order"),
            (seen(1, 6, 17), "count"),
            (seen(1, 7, 16), "count"),
            (seen(2, 2, 17), "count"),
            (seen(2, 30, 17), "count"),
        ] {
            let mut order = Order::default();
            order.take(&seen(1, 5, 15)).unwrap();
            let error = order.take(&wrong).unwrap_err();
            assert!(error.starts_with(word), "{error}");
        }
    }
}
