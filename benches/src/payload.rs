//! The bytes that every contender exchanges, each message carrying its number.

use clap::ValueEnum;

/// What is exchanged. The Python peers know the same names and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Payload {
    /// A velocity command: time, speed and turn; the number is the speed
    CmdVel,
    /// A dict of three keys as MessagePack
    Dict,
    /// A 1080p RGB picture that lies in shared memory: its descriptor is sent, one pixel is read
    Image,
}

impl Payload {
    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Payload::CmdVel => "cmd-vel",
            Payload::Dict => "dict",
            Payload::Image => "image",
        }
    }
}

/// Height, width and channels of the picture.
pub(crate) const IMAGE_SHAPE: [usize; 3] = [1080, 1920, 3];
/// Bytes of the picture: 6,220,800.
pub(crate) const IMAGE_BYTES: usize = IMAGE_SHAPE[0] * IMAGE_SHAPE[1] * IMAGE_SHAPE[2];
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
        let [height, width, channels] = IMAGE_SHAPE.map(|n| n as u64);
        let words = [number & NUMBER_MASK, 0, IMAGE_BYTES as u64, height, width, width * channels, 1, 0];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for number in [0, 1, 65_537, NUMBER_MASK] {
            assert_eq!(CmdVelBytes::number(&CmdVelBytes::fill(number)), number);
            assert_eq!(DictBytes::number(&DictBytes::fill(number)), number);
            assert_eq!(DescriptorBytes::number(&DescriptorBytes::fill(number)), number);
        }
    }
}
