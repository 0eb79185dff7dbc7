//! `multipart/form-data` (RFC 7578) around one file that is never held in memory.

use std::fmt::Write as _;
use std::io::{self, Read};

/// A form: its fields, and a file at its end.
#[derive(Debug)]
pub(crate) struct Form {
    boundary: String,
    head: String,
    tail: String,
}

impl Form {
    /// `boundary` must stand nowhere in the fields and the file: 128 random bits do not.
    pub(crate) fn new(boundary: String, fields: &[(&'static str, &str)], file_name: &str) -> Self {
        let mut head = String::new();
        // Writing to a `String` cannot fail.
        for (name, value) in fields {
            let _ = write!(
                head,
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        let _ = write!(
            head,
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\nContent-Type: application/octet-stream\r\n\r\n",
            quoted(file_name)
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        Self {
            boundary,
            head,
            tail,
        }
    }

    /// Its `Content-Type`.
    pub(crate) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Its length around a file of so many bytes.
    pub(crate) fn bytes(&self, of_file: u64) -> u64 {
        let framing = self.head.len() as u64 + self.tail.len() as u64;
        framing.saturating_add(of_file)
    }

    /// The form around the file.
    pub(crate) fn around<'a>(&'a self, file: impl Read + 'a) -> impl Read + 'a {
        self.head.as_bytes().chain(file).chain(self.tail.as_bytes())
    }
}

/// A file name between quotes, as browsers write it (WHATWG HTML, "multipart/form-data encoding
/// algorithm").
fn quoted(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// So many bytes of a reader, no more, and an error where it has fewer; tells how many were read.
pub(crate) struct Exact<R, F> {
    from: R,
    left: u64,
    told: F,
}

impl<R: Read, F: FnMut(u64)> Exact<R, F> {
    pub(crate) fn new(from: R, bytes: u64, told: F) -> Self {
        Self {
            from,
            left: bytes,
            told,
        }
    }
}

impl<R: Read, F: FnMut(u64)> Read for Exact<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if most == 0 {
            return Ok(0);
        }
        let read = self.from.read(&mut buffer[..most])?;
        if read == 0 {
            let problem = "the file has become shorter while it was sent";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, problem));
        }
        self.left -= read as u64;
        (self.told)(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_as_long_as_it_says_and_holds_the_file_as_it_is() {
        let fields = [("model", "whisper-1"), ("prompt", "a\r\nb")];
        let form = Form::new("x1".to_owned(), &fields, "talk.flac");
        let file = b"\x00\r\n--y\xff";
        let mut body = Vec::new();
        form.around(&file[..]).read_to_end(&mut body).unwrap();
        assert_eq!(form.bytes(file.len() as u64), body.len() as u64);
        let mut expected =
            b"--x1\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
            --x1\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na\r\nb\r\n\
            --x1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"talk.flac\"\r\n\
            Content-Type: application/octet-stream\r\n\r\n"
                .to_vec();
        expected.extend(file);
        expected.extend(b"\r\n--x1--\r\n");
        assert_eq!(body, expected);
        assert_eq!(form.content_type(), "multipart/form-data; boundary=x1");
    }

    #[test]
    fn a_file_name_cannot_leave_its_header() {
        let form = Form::new("x".to_owned(), &[], "a\"\r\nX-Evil: 1\r\n\r\nb");
        assert!(
            form.head
                .contains("filename=\"a%22%0D%0AX-Evil: 1%0D%0A%0D%0Ab\"")
        );
    }

    #[test]
    fn a_file_that_grows_is_sent_as_long_as_it_was_and_one_that_shrinks_is_an_error() {
        let mut told = 0;
        let mut body = Vec::new();
        Exact::new(&b"abcdef"[..], 4, |bytes| told += bytes)
            .read_to_end(&mut body)
            .unwrap();
        assert_eq!((body.as_slice(), told), (&b"abcd"[..], 4));
        let error = Exact::new(&b"abc"[..], 4, |_| ())
            .read_to_end(&mut body)
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
