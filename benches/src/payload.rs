//! The bytes that every contender exchanges, each message carrying its number.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// What is exchanged. Every program that is measured knows the same names and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// So many bytes, each eight of them the number
    Bytes(usize),
    /// A velocity command: time, speed and turn; the number is the speed
    CmdVel,
    /// The same, made once and sent again and again
    CmdVelBuilt,
    /// A dict of so many keys as MessagePack: 3 or 80
    Dict(usize),
    /// Twenty dicts in a dict
    Nested,
    /// An RGB picture that lies in shared memory: its descriptor is sent, one pixel is read
    Image(Size),
    /// A 1080p RGB picture filled for each message, sent and checked
    Frame(Size),
}

/// Width and height of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Columns.
    pub(crate) width: usize,
    /// Rows.
    pub(crate) height: usize,
}

/// 1080p.
pub(crate) const FULL_HD: Size = Size { width: 1920, height: 1080 };
/// What a cheap camera gives.
pub(crate) const VGA: Size = Size { width: 640, height: 480 };

impl Size {
    /// Bytes of an RGB picture: 6,220,800 at 1080p.
    pub(crate) const fn bytes(self) -> usize {
        self.width * self.height * 3
    }
}

impl Display for Payload {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Payload::Bytes(bytes) => write!(f, "bytes-{bytes}"),
            Payload::CmdVel => f.write_str("cmd-vel"),
            Payload::CmdVelBuilt => f.write_str("cmd-vel-built"),
            Payload::Dict(keys) => write!(f, "dict-{keys}"),
            Payload::Nested => f.write_str("dict-nested"),
            Payload::Image(size) => write!(f, "image-{}x{}", size.width, size.height),
            Payload::Frame(size) => write!(f, "frame-{}x{}", size.width, size.height),
        }
    }
}

impl FromStr for Payload {
    type Err = String;

    fn from_str(text: &str) -> Result<Payload, String> {
        let size = |text: &str| {
            let (width, height) = text.split_once('x')?;
            Some(Size { width: width.parse().ok()?, height: height.parse().ok()? })
        };
        let found = match text.split_once('-') {
            _ if text == "cmd-vel" => Some(Payload::CmdVel),
            _ if text == "cmd-vel-built" => Some(Payload::CmdVelBuilt),
            _ if text == "dict-nested" => Some(Payload::Nested),
            Some(("bytes", bytes)) => bytes.parse().ok().map(Payload::Bytes),
            Some(("dict", keys)) => keys.parse().ok().map(Payload::Dict),
            Some(("image", text)) => size(text).map(Payload::Image),
            Some(("frame", text)) => size(text).map(Payload::Frame),
            _ => None,
        };
        found.ok_or_else(|| format!("{text} is no payload"))
    }
}

/// Every byte of the pinging process's picture; the echoing one's has the next value.
pub(crate) const IMAGE_VALUE: u8 = 0x5a;

/// Message numbers are told apart up to here: all are exact as `f32`.
pub(crate) const NUMBER_MASK: u64 = 0xff_ffff;

/// Bytes that stand for one payload and carry a number.
pub(crate) trait Numbered<const BYTES: usize> {
    /// The message of number `number`.
    fn fill(number: u64) -> [u8; BYTES];
    /// The number in `bytes`.
    fn number(bytes: &[u8; BYTES]) -> u64;
}

/// `{timestamp_ns: u64, linear: f32, angular: f32}`, little-endian.
#[derive(Debug)]
pub(crate) struct CmdVelBytes;

impl Numbered<16> for CmdVelBytes {
    fn fill(number: u64) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[0..8].copy_from_slice(&number.to_le_bytes());
        bytes[8..12].copy_from_slice(&((number & NUMBER_MASK) as f32).to_le_bytes());
        bytes[12..16].copy_from_slice(&0.5_f32.to_le_bytes());
        bytes
    }

    fn number(bytes: &[u8; 16]) -> u64 {
        f32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as u64
    }
}

/// `{"linear": 0.5, "angular": 0.25, "seq": number}` as MessagePack.
#[derive(Debug)]
pub(crate) struct DictBytes;

/// The dict's bytes before its last value: a map of three, two doubles, and the mark of a `u64`.
const DICT_HEAD: [u8; 39] =
    *b"\x83\xa6linear\xcb\x3f\xe0\0\0\0\0\0\0\xa7angular\xcb\x3f\xd0\0\0\0\0\0\0\xa3seq\xcf";
/// Added to the number, so that MessagePack always takes eight bytes for it.
const DICT_BASE: u64 = 1 << 32;

impl Numbered<47> for DictBytes {
    fn fill(number: u64) -> [u8; 47] {
        let mut bytes = [0; 47];
        bytes[..39].copy_from_slice(&DICT_HEAD);
        bytes[39..].copy_from_slice(&(DICT_BASE + (number & NUMBER_MASK)).to_be_bytes());
        bytes
    }

    fn number(bytes: &[u8; 47]) -> u64 {
        let mut last = [0; 8];
        last.copy_from_slice(&bytes[39..]);
        u64::from_be_bytes(last) - DICT_BASE
    }
}

/// A picture's descriptor by hand: number, offset, length, height, width, step, encoding, zero.
#[derive(Debug)]
pub(crate) struct DescriptorBytes;

impl Numbered<64> for DescriptorBytes {
    fn fill(number: u64) -> [u8; 64] {
        let (height, width) = (FULL_HD.height as u64, FULL_HD.width as u64);
        let words = [number & NUMBER_MASK, 0, FULL_HD.bytes() as u64, height, width, width * 3, 1, 0];
        let mut bytes = [0; 64];
        for (target, word) in bytes.chunks_exact_mut(8).zip(words) {
            target.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn number(bytes: &[u8; 64]) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&bytes[..8]);
        u64::from_le_bytes(first)
    }
}

/// Every eight bytes the number.
#[derive(Debug)]
pub(crate) struct Words;

impl<const BYTES: usize> Numbered<BYTES> for Words {
    #[inline]
    fn fill(number: u64) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        fill_words(&mut bytes, number);
        bytes
    }

    #[inline]
    fn number(bytes: &[u8; BYTES]) -> u64 {
        checked_number(bytes)
    }
}

/// Writes the number into every eight bytes.
#[inline]
pub(crate) fn fill_words(bytes: &mut [u8], number: u64) {
    let (words, _) = bytes.as_chunks_mut::<8>();
    words.fill((number & NUMBER_MASK).to_le_bytes());
}

/// The number that every eight bytes hold; one that is none if they differ.
#[inline]
pub(crate) fn checked_number(bytes: &[u8]) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    let first = u64::from_le_bytes(words[0]);
    // Without a branch a word, so that large payloads are checked as fast as memory gives them.
    let differ = words.iter().fold(0, |differ, word| differ | (u64::from_le_bytes(*word) ^ first));
    if differ == 0 { first } else { NO_NUMBER }
}

/// No message has it: numbers are smaller.
const NO_NUMBER: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for number in [0, 1, 65_537, NUMBER_MASK] {
            assert_eq!(CmdVelBytes::number(&CmdVelBytes::fill(number)), number);
            assert_eq!(DictBytes::number(&DictBytes::fill(number)), number);
            assert_eq!(DescriptorBytes::number(&DescriptorBytes::fill(number)), number);
            let words: [u8; 1024] = Words::fill(number);
            assert_eq!(Words::number(&words), number);
        }
    }

    #[test]
    fn one_wrong_bit_is_no_number() {
        let mut bytes: [u8; 1024] = Words::fill(77);
        bytes[1000] ^= 1;
        assert_ne!(Words::number(&bytes), 77);
        assert!(Words::number(&bytes) > NUMBER_MASK);
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        let all = [
            "bytes-6220800",
            "cmd-vel",
            "cmd-vel-built",
            "dict-80",
            "dict-nested",
            "image-640x480",
            "frame-1920x1080",
        ];
        for name in all {
            assert_eq!(name.parse::<Payload>().unwrap().to_string(), name);
        }
        assert_eq!("bytes-six".parse::<Payload>(), Err("bytes-six is no payload".to_owned()));
    }
}
