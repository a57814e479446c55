//! The messages of a text that may still be coming: YAML between `---`, or JSON, one after the other.

use super::{read_json, read_yaml};
use horus_core::Value;
use std::io::{self, BufRead, Read};

/// Returns the message that a YAML or JSON text stands for; nothing if there are only comments.
///
/// # Errors
/// What is wrong with the text, in words.
pub(crate) fn parse(text: &str) -> Result<Option<Value>, String> {
    match read_json::read(text)? {
        read_json::Json::Whole(value) => Ok(Some(value)),
        // What YAML has to say is about both.
        _ => read_yaml::read(text),
    }
}

/// Largest text of one message in bytes: far beyond any that a topic carries, it ends what never ends (`/dev/zero`) before
/// the machine's memory does.
const TEXT_BYTES_MAX: usize = 1 << 29;

/// Takes a stream of text apart into messages, each as soon as it is whole.
#[derive(Debug)]
pub(crate) struct Documents<R> {
    lines: R,
    /// What was read of the next message.
    text: String,
    /// Where in the stream it begins, from 1.
    first_line: usize,
    line: usize,
    text_bytes_max: usize,
}

/// A message in a stream.
#[derive(Debug, PartialEq)]
pub(crate) struct Document {
    /// The line of the stream in which its text begins, from 1.
    pub(crate) line: usize,
    /// The message, or what is wrong with its text.
    pub(crate) message: Result<Value, String>,
}

impl<R: BufRead> Documents<R> {
    pub(crate) fn new(lines: R) -> Documents<R> {
        Documents { lines, text: String::new(), first_line: 1, line: 0, text_bytes_max: TEXT_BYTES_MAX }
    }

    /// Returns the next message; nothing at the end. Blocks as reading does.
    ///
    /// # Errors
    /// Of reading; of kind `InvalidData` if what is read is no UTF-8 or a message has no end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Document>> {
        loop {
            let mut line = String::new();
            let room = self.text_bytes_max - self.text.len();
            let count = (&mut self.lines).take(room as u64).read_line(&mut line)?;
            if room == 0 {
                let reason = format!("a message has more than {} bytes of text", self.text_bytes_max);
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            if count == 0 {
                return Ok(self.take());
            }
            self.line += 1;
            if self.line == 1 {
                line = line.trim_start_matches('\u{feff}').into();
            }
            if let Some(rest) = after_marker(&line) {
                let document = self.take();
                self.first_line = self.line;
                self.text.push_str(rest);
                if document.is_some() {
                    return Ok(document);
                }
                continue;
            }
            let is_blank = self.text.trim().is_empty();
            if is_blank {
                self.text.clear();
                self.first_line = self.line;
            }
            self.text.push_str(&line);
            // JSON needs no markers. It is whole at its first line or, laid out over several, at one that begins with
            // its last bracket.
            let may_be_json = (is_blank && line.starts_with('{')) || (!is_blank && line.starts_with('}'));
            if may_be_json
                && self.text.starts_with('{')
                && !matches!(read_json::read(&self.text), Ok(read_json::Json::Begun | read_json::Json::Other))
                && let Some(document) = self.take()
            {
                return Ok(Some(document));
            }
        }
    }

    fn take(&mut self) -> Option<Document> {
        let text = std::mem::take(&mut self.text);
        let says_something = |line: &str| !line.trim().is_empty() && !line.starts_with(['%', '#']);
        if !text.lines().any(says_something) {
            return None;
        }
        Some(Document { line: self.first_line, message: parse(&text).transpose()? })
    }
}

/// Returns what stands behind the marker between documents, if the line begins with one.
fn after_marker(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("---").or_else(|| line.strip_prefix("..."))?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Result<String, String>> {
        let mut documents = Documents::new(text.as_bytes());
        let mut all = Vec::new();
        while let Some(document) = documents.next().unwrap() {
            all.push(document.message.map(|value| crate::output::yaml::document(&value).trim_end().into()));
        }
        all
    }

    #[test]
    fn documents_are_told_apart() {
        let two = [Ok("a: 1".to_owned()), Ok("a: 2".to_owned())];
        for text in [
            "a: 1\n---\na: 2\n---\n",
            "---\na: 1\n---\na: 2",
            "\u{feff}# first\na: 1\n...\n# second\n---\n# third\n---\na: 2\n",
            "%YAML 1.2\n--- {a: 1}\n--- {a: 2}\n",
            "{\"a\":1}\n\n{\"a\":2}\n",
            "{\n  \"a\": 1\n}\n{\n  \"a\": 2\n}",
            "{\"a\":1}\n---\n{a: 2}\n",
            "{a: 1,\n}\n---\n{a:\n 2}",
            "{\"seq\":1,\"t_pub_ns\":2,\"latency_ns\":3,\"dropped\":4,\"data\":{\"a\":1}}\n{\"a\":2}\n",
        ] {
            assert_eq!(all(text), two, "{text}");
        }
        assert!(all("\n---\n# only words\n---\n").is_empty());
        assert_eq!(all("text: \"a --- b\"\n"), [Ok("text: a --- b".to_owned())]);
    }

    #[test]
    fn what_has_no_end_is_given_up() {
        for (text, is_fine) in [("a: 1\n---\nb: 12345\n", true), ("a: 1\n---\nb: 1234567\n", false)] {
            let mut documents = Documents::new(text.as_bytes());
            documents.text_bytes_max = 10;
            assert!(documents.next().unwrap().is_some());
            let next = documents.next();
            assert_eq!(next.is_ok(), is_fine, "{next:?}");
        }
        assert!(Documents::new(&b"a: \xff\n"[..]).next().is_err());
    }

    #[test]
    fn what_is_wrong_is_told_where() {
        let mut documents =
            Documents::new("a: 1\n---\n\nb: 1e400\n---\n{\"x\": {\"$f32\": \"fast\"}}\n{}".as_bytes());
        let mut next = || documents.next().unwrap().map(|document| (document.line, document.message));
        assert!(next().unwrap().1.is_ok());
        let (line, message) = next().unwrap();
        assert_eq!(line, 4);
        assert!(message.unwrap_err().contains("1e400 exceeds"));
        assert!(next().unwrap().1.unwrap_err().contains("'fast' is no f32"));
        assert_eq!(next(), Some((7, Ok(Value::Map(vec![])))));
    }

    #[test]
    fn maps_that_look_like_notation_stay_maps() {
        assert_eq!(parse(r#"{"$schema": 1}"#), Ok(Some(Value::from([("$schema", 1i64)]))));
        assert_eq!(parse(r#"{"$f32": 1, "b": 2}"#), Ok(Some(Value::from([("$f32", 1i64), ("b", 2)]))));
        assert_eq!(parse("$f32: 1"), Ok(Some(Value::from([("$f32", 1i64)]))));
        let pairs = parse(r#"{"x": {"$map": [["$f32", 1]]}}"#).unwrap().unwrap();
        assert_eq!(pairs.get("x"), Some(&Value::from([("$f32", 1i64)])));
    }
}
