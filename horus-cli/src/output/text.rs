//! Text that is safe and pleasant to show.

use std::fmt::Write;

/// Returns `text` with control characters, and what could reorder or hide text, as escapes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // A terminal takes these as commands; writing to a String can't fail.
            c if is_unsafe(c) => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Returns whether a character commands a terminal, ends a line, or turns the direction of text around.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Returns a frequency for people: `29.97 Hz`, `1.20 kHz`; `-` if there is none.
pub(crate) fn hertz(rate: Option<f64>) -> String {
    match rate {
        None => "-".into(),
        Some(rate) if rate >= 1e6 => format!("{:.2} MHz", rate / 1e6),
        Some(rate) if rate >= 1e4 => format!("{:.2} kHz", rate / 1e3),
        Some(rate) if rate >= 100.0 => format!("{rate:.1} Hz"),
        Some(rate) => format!("{rate:.2} Hz"),
    }
}

/// Returns a frequency in a sentence, as exact as advice needs: `10 Hz`, `0.5 Hz`, `50 kHz`.
pub(crate) fn about_hertz(rate: f64) -> String {
    let (amount, unit) = match rate {
        rate if rate >= 999_500.0 => (rate / 1e6, "MHz"),
        rate if rate >= 9_995.0 => (rate / 1e3, "kHz"),
        rate => (rate, "Hz"),
    };
    let decimals = if (0.05..0.95).contains(&amount) { 1 } else { 0 };
    format!("{amount:.decimals$} {unit}")
}

/// Returns a measured time to the microsecond, or a short one to the nanosecond: `0.010031s`, `0.000034120s`.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 0.000_1 { format!("{seconds:.9}s") } else { format!("{seconds:.6}s") }
}

/// Returns a time span for people: `12 ms`, `3.4 s`, `5 min`; `-` if there is none.
pub(crate) fn span(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".into(),
        Some(s) if s < 0.001 => format!("{:.0} us", s * 1e6),
        Some(s) if s < 1.0 => format!("{:.0} ms", s * 1e3),
        Some(s) if s < 60.0 => format!("{s:.1} s"),
        Some(s) if s < 3600.0 => format!("{:.0} min", (s / 60.0).floor()),
        Some(s) if s < 48.0 * 3600.0 => format!("{:.0} h", (s / 3600.0).floor()),
        Some(s) => format!("{:.0} d", (s / 86_400.0).floor()),
    }
}

/// Returns an amount of memory for people: `512 B`, `1.4 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut amount = bytes as f64;
    let mut unit = "B";
    for next in units {
        if amount < 1024.0 {
            break;
        }
        amount /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{amount:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_a_terminal_is_shown() {
        assert_eq!(escaped("a\x1b[31mb\u{9b}\n"), "a\\u001b[31mb\\u009b\\n");
        assert_eq!(escaped("left \u{202e}right"), "left \\u202eright");
        assert_eq!(escaped("größe 寸"), "größe 寸");
    }

    #[test]
    fn amounts_have_units() {
        assert_eq!(
            [0, 1023, 1024, 921_600, 3 << 30].map(bytes),
            ["0 B", "1023 B", "1.0 KiB", "900.0 KiB", "3.0 GiB"]
        );
        assert_eq!(
            [0.0, 29.97, 1000.0, 12_345.0, 2e6].map(|r| hertz(Some(r))),
            ["0.00 Hz", "29.97 Hz", "1000.0 Hz", "12.35 kHz", "2.00 MHz"]
        );
        assert_eq!(
            [0.000_5, 0.012, 3.44, 125.0, 7300.0, 2e5].map(|s| span(Some(s))),
            ["500 us", "12 ms", "3.4 s", "2 min", "2 h", "2 d"]
        );
        assert_eq!(
            [0.0, 0.51, 2.0, 9.96, 10.4, 1000.2, 50_003.0, 1.24e6].map(about_hertz),
            ["0 Hz", "0.5 Hz", "2 Hz", "10 Hz", "10 Hz", "1000 Hz", "50 kHz", "1 MHz"]
        );
        assert_eq!((hertz(None), span(None)), ("-".into(), "-".into()));
    }
}
