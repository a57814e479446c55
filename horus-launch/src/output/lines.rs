//! Bytes in, lines out.

/// A line longer than this comes out in pieces: what never ends its line must not fill our memory.
pub(crate) const LINE_BYTES_MAX: usize = 64 * 1024;

/// Cuts a stream of bytes into lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The beginning of a line whose end hasn't come; at most [`LINE_BYTES_MAX`].
    open: Vec<u8>,
}

impl Lines {
    /// Hands each line that ends in `bytes` to `line`, without its newline.
    pub(crate) fn push(&mut self, bytes: &[u8], mut line: impl FnMut(&[u8])) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            self.extend(text, &mut line);
            if ended {
                line(&self.open);
                self.open.clear();
            }
        }
    }

    /// Hands out what is left of a stream that is over.
    pub(crate) fn finish(&mut self, mut line: impl FnMut(&[u8])) {
        if !self.open.is_empty() {
            line(&self.open);
            self.open.clear();
        }
    }

    fn extend(&mut self, mut text: &[u8], line: &mut impl FnMut(&[u8])) {
        while self.open.len() + text.len() > LINE_BYTES_MAX {
            let (now, later) = text.split_at(LINE_BYTES_MAX - self.open.len());
            self.open.extend_from_slice(now);
            let cut = character_boundary(&self.open);
            line(&self.open[..cut]);
            self.open.drain(..cut);
            text = later;
        }
        self.open.extend_from_slice(text);
    }
}

/// Returns where to cut `bytes` at their end without cutting a UTF-8 character; their length if they aren't UTF-8.
fn character_boundary(bytes: &[u8]) -> usize {
    let is_continuation = |byte: u8| byte & 0xc0 == 0x80;
    let tail = bytes.iter().rev().take(4).take_while(|byte| is_continuation(**byte)).count();
    let Some(lead_index) = bytes.len().checked_sub(tail + 1) else { return bytes.len() };
    let wanted = match bytes[lead_index] {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    if wanted > tail + 1 && lead_index > 0 { lead_index } else { bytes.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.push(piece, |line| out.push(line.to_vec()));
        }
        lines.finish(|line| out.push(line.to_vec()));
        out
    }

    #[test]
    fn lines_come_whole_however_they_arrive() {
        assert_eq!(cut(&[b"one\ntw", b"o\n", b"\n", b"thr", b"ee"]), [&b"one"[..], b"two", b"", b"three"]);
        assert!(cut(&[b""]).is_empty());
    }

    #[test]
    fn a_long_line_comes_in_pieces_and_nothing_is_lost() {
        let long = vec![b'x'; 3 * LINE_BYTES_MAX + 5];
        let pieces = cut(&[&long, b"\nnext\n"]);
        let lengths: Vec<_> = pieces.iter().map(Vec::len).collect();
        assert_eq!(lengths, [LINE_BYTES_MAX, LINE_BYTES_MAX, LINE_BYTES_MAX, 5, 4]);
    }

    #[test]
    fn a_line_of_just_the_limit_stays_whole() {
        let long = vec![b'x'; LINE_BYTES_MAX];
        assert_eq!(cut(&[&long, b"\n"]), [long]);
    }

    #[test]
    fn a_character_is_not_cut() {
        let text = "é".repeat(LINE_BYTES_MAX);
        let pieces = cut(&[b"a", text.as_bytes()]);
        assert!(pieces.iter().all(|piece| std::str::from_utf8(piece).is_ok()));
        assert_eq!(pieces.concat().len(), 1 + text.len());
    }

    #[test]
    fn bytes_that_are_no_text_are_cut_all_the_same() {
        let noise = vec![0x80; 2 * LINE_BYTES_MAX + 1];
        assert_eq!(cut(&[&noise]).concat(), noise);
    }
}
