//! The bytes that everyone exchanges, each message carrying its number.

use crate::Result;

/// Message numbers are told apart up to here.
pub(crate) const NUMBER_MASK: u64 = 0xff_ffff;

/// Bytes of a 1080p RGB picture.
const IMAGE_1080P: usize = 1080 * 1920 * 3;
/// Bytes of a 640 by 480 RGB picture.
const IMAGE_VGA: usize = 480 * 640 * 3;

/// What a payload's name asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// So many bytes, every 8 of them the number
    Bytes(usize),
    /// 16 bytes: time, speed and turn
    CmdVel,
    /// A picture of so many bytes that lies in memory already; its first 8 bytes are the number
    Image(usize),
}

impl Payload {
    /// What `name` stands for, if it is one of these.
    pub(crate) fn named(name: &str) -> Option<Payload> {
        match name {
            "cmd-vel" => Some(Payload::CmdVel),
            "image-1920x1080" => Some(Payload::Image(IMAGE_1080P)),
            "image-640x480" => Some(Payload::Image(IMAGE_VGA)),
            _ => {
                let bytes = name.strip_prefix("bytes-")?.parse().ok()?;
                (bytes >= 8 && bytes % 8 == 0).then_some(Payload::Bytes(bytes))
            }
        }
    }

    /// Its size.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Payload::Bytes(bytes) | Payload::Image(bytes) => bytes,
            Payload::CmdVel => 16,
        }
    }

    /// Writes message `number`.
    #[inline]
    pub(crate) fn fill(self, target: &mut [u8], number: u64) {
        let number = number & NUMBER_MASK;
        match self {
            Payload::Bytes(_) => {
                for word in target.chunks_exact_mut(8) {
                    word.copy_from_slice(&number.to_le_bytes());
                }
            }
            Payload::CmdVel => {
                target[..8].copy_from_slice(&number.to_le_bytes());
                target[8..12].copy_from_slice(&(number as f32).to_le_bytes());
                target[12..].copy_from_slice(&0.5_f32.to_le_bytes());
            }
            Payload::Image(_) => target[..8].copy_from_slice(&number.to_le_bytes()),
        }
    }

    /// The number of the message in `bytes`.
    ///
    /// # Errors
    /// If they aren't one whole message.
    #[inline]
    pub(crate) fn check(self, bytes: &[u8]) -> Result<u64> {
        if bytes.len() != self.bytes() {
            return Err(format!("{} bytes came, {} were due", bytes.len(), self.bytes()).into());
        }
        match self {
            Payload::Bytes(_) => {
                same_words(bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)))
            }
            Payload::CmdVel => {
                let speed = f32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as u64;
                same_words([first_word(bytes), speed].into_iter())
            }
            Payload::Image(_) => Ok(first_word(bytes)),
        }
    }
}

#[inline]
fn first_word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(word)
}

/// The one value that all `words` have.
///
/// # Errors
/// If they differ.
#[inline]
pub(crate) fn same_words(mut words: impl Iterator<Item = u64>) -> Result<u64> {
    let first = words.next().unwrap_or_default();
    // Without an early end: a loop that the compiler can make wide.
    let differing = words.fold(0, |differing, word| differing | (word ^ first));
    if differing == 0 { Ok(first) } else { Err(torn(first)) }
}

#[cold]
fn torn(first: u64) -> Box<dyn std::error::Error + Send + Sync> {
    format!("message {first} is torn: its words differ").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_torn_ones_do_not() {
        for payload in [Payload::Bytes(16), Payload::Bytes(1024), Payload::CmdVel, Payload::Image(24)] {
            let mut bytes = vec![0; payload.bytes()];
            payload.fill(&mut bytes, NUMBER_MASK + 6);
            assert_eq!(payload.check(&bytes).unwrap(), 5);
            assert!(payload.check(&bytes[8..]).is_err());
            bytes[0] = 4;
            assert_eq!(payload.check(&bytes).is_ok(), payload == Payload::Image(24));
        }
    }

    #[test]
    fn names_are_the_benches_names() {
        assert_eq!(Payload::named("bytes-6220800"), Some(Payload::Bytes(6_220_800)));
        assert_eq!(Payload::named("image-1920x1080"), Some(Payload::Image(6_220_800)));
        assert_eq!(Payload::named("bytes-7"), None);
        assert_eq!(Payload::named("dict-3"), None);
    }
}
