//! What the messages say: who sent them, their number, and words that follow from both, so that no word of one message
//! could be another's. `python/actors.py` says the same in Python.

/// One step of splitmix64: neighbours share nothing.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The words of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    first: u64,
    step: u64,
}

impl Body {
    /// The body of message `number` of `publisher`.
    pub(crate) fn of(publisher: u64, number: u64) -> Self {
        let first = mix(publisher ^ number.rotate_left(32));
        Self { first, step: first.rotate_left(17) | 1 }
    }

    /// Writes it into all of `words`.
    pub(crate) fn write(self, words: &mut [u64]) {
        let mut word = self.first;
        for out in words {
            *out = word;
            word = word.wrapping_add(self.step);
        }
    }

    /// Returns the index of the first of `words` that isn't as it was sent.
    pub(crate) fn first_wrong(self, words: &[u64]) -> Option<usize> {
        let sent = |index: usize| self.first.wrapping_add(self.step.wrapping_mul(index as u64));
        // Without a branch in the loop: images are looked at whole.
        let wrong = words.iter().enumerate().fold(0, |wrong, (index, word)| wrong | (word ^ sent(index)));
        if wrong == 0 { None } else { (0..words.len()).find(|index| words[*index] != sent(*index)) }
    }

    /// The sum of `count` words of it, which the message's head tells too; 62 bits, to be an integer in any language.
    pub(crate) fn checksum(self, count: usize) -> u64 {
        let count = count as u64;
        let pairs = if count.is_multiple_of(2) {
            (count / 2).wrapping_mul(count.wrapping_sub(1))
        } else {
            count * (count / 2)
        };
        (self.first.wrapping_mul(count).wrapping_add(self.step.wrapping_mul(pairs)) ^ self.first) >> 2
    }

    /// 24 bits of it, which a 32-bit floating-point number holds exactly.
    pub(crate) fn small(self) -> u32 {
        (self.first >> 40) as u32
    }
}

/// Returns an error that names the message if its words aren't those that were sent.
pub(crate) fn check(publisher: u64, number: u64, checksum: u64, words: &[u64]) -> Result<(), String> {
    let body = Body::of(publisher, number);
    if checksum != body.checksum(words.len()) {
        return Err(format!("torn: message {number} of {publisher}: checksum {checksum:#x}"));
    }
    match body.first_wrong(words) {
        None => Ok(()),
        Some(index) => Err(format!("torn: message {number} of {publisher}: word {index} of {}", words.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_checked_word_for_word() {
        let mut words = [0; 122];
        Body::of(7, 8).write(&mut words);
        let sum = words.iter().fold(0u64, |sum, word| sum.wrapping_add(*word));
        let checksum = (sum ^ words[0]) >> 2;
        assert_eq!(Body::of(7, 8).checksum(122), checksum);
        assert_eq!(check(7, 8, checksum, &words), Ok(()));
        assert!(check(7, 9, checksum, &words).is_err(), "another message's");
        assert!(check(7, 8, checksum, &words[1..]).is_err(), "cut short");
        words[121] ^= 1 << 63;
        let error = check(7, 8, checksum, &words).unwrap_err();
        assert_eq!(error, "torn: message 8 of 7: word 121 of 122");
    }

    #[test]
    fn no_word_of_a_neighbour_passes() {
        let (mut one, mut next) = ([0; 64], [0; 64]);
        Body::of(7, 8).write(&mut one);
        Body::of(7, 9).write(&mut next);
        assert!(one.iter().all(|word| !next.contains(word)));
    }
}
