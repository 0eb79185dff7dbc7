//! Server-sent events (WHATWG HTML, "Server-sent events"): as much of them as jobs are told in.

use std::io::{self, BufRead, ErrorKind, Read as _};

/// Longest line: a job with all its notes is a hundredth of it.
const MAX_LINE_BYTES: u64 = 1024 * 1024;
/// Longest data of one event, of any number of lines.
const MAX_DATA_BYTES: usize = 1024 * 1024;

/// Reads the data of one event after the other.
#[derive(Debug)]
pub(crate) struct Events<R> {
    from: R,
}

impl<R: BufRead> Events<R> {
    pub(crate) const fn new(from: R) -> Self {
        Self { from }
    }

    /// The data of the next event; `None` at the end. An event that is broken off is none.
    pub(crate) fn next(&mut self) -> io::Result<Option<String>> {
        let mut data: Option<String> = None;
        loop {
            let Some(line) = self.line()? else {
                return Ok(None);
            };
            if line.is_empty() {
                if data.is_some() {
                    return Ok(data);
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            // Comments have an empty name; the other fields say nothing that is not in the data.
            if field == "data" {
                let value = value.strip_prefix(' ').unwrap_or(value);
                let data = data.get_or_insert_default();
                if data.len() + value.len() > MAX_DATA_BYTES {
                    return Err(too_long());
                }
                if !data.is_empty() {
                    data.push('\n');
                }
                data.push_str(value);
            }
        }
    }

    /// A line without its end; `None` where none is whole any more.
    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        (&mut self.from)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return if line.len() as u64 + 1 < MAX_LINE_BYTES {
                Ok(None)
            } else {
                Err(too_long())
            };
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        let line = String::from_utf8(line);
        line.map(Some)
            .map_err(|_| io::Error::new(ErrorKind::InvalidData, "an event is no UTF-8"))
    }
}

fn too_long() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "an event has no end")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> io::Result<Vec<String>> {
        let mut events = Events::new(text);
        let mut all = Vec::new();
        while let Some(data) = events.next()? {
            all.push(data);
        }
        Ok(all)
    }

    #[test]
    fn the_data_of_each_event_is_read_whatever_stands_between() {
        let text = b": hello\n\ndata: {\"a\":1}\n\nevent: x\nid: 7\ndata:two\ndata: lines\r\n\r\n:\ndata\n\n";
        assert_eq!(all(text).unwrap(), ["{\"a\":1}", "two\nlines", ""]);
    }

    #[test]
    fn an_event_that_is_broken_off_is_none() {
        for text in ["", "data: a", "data: a\n", "data: a\nda", "\n\n\n"] {
            assert_eq!(all(text.as_bytes()).unwrap(), [""; 0], "{text:?}");
        }
    }

    #[test]
    fn a_line_and_an_event_without_an_end_are_errors() {
        let line = vec![b' '; 2 << 20];
        assert_eq!(all(&line).unwrap_err().kind(), ErrorKind::InvalidData);
        let event = format!("data: {}\n", "x".repeat(1_000)).repeat(2_000);
        let error = all(event.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(all(b"data: \xff\n\n").is_err());
    }
}
