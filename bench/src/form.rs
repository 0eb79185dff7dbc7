//! Uploads as OpenAI's clients send them: a form with a model and a file.

use std::convert::Infallible;
use std::iter;

use bytes::Bytes;
use futures_util::{Stream, stream};
use hyper::body::Frame;

/// The header that goes with these forms.
pub(crate) const CONTENT_TYPE: (&str, &str) = (
    "content-type",
    "multipart/form-data; boundary=bench-boundary",
);

const HEAD: &[u8] =
    b"--bench-boundary\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
    --bench-boundary\r\ncontent-disposition: form-data; name=\"file\"; filename=\"speech.flac\"\r\n\
    content-type: audio/flac\r\n\r\n";
const TAIL: &[u8] = b"\r\n--bench-boundary--\r\n";
/// What a frame of a generated body holds at most.
const PIECE: &[u8] = &[0; 64 * 1024];

/// A form with this file.
pub(crate) fn of(file: &[u8]) -> Bytes {
    [HEAD, file, TAIL].concat().into()
}

/// The same, for an answer that streams.
pub(crate) fn streamed(file: &[u8]) -> Vec<u8> {
    let stream =
        b"--bench-boundary\r\ncontent-disposition: form-data; name=\"stream\"\r\n\r\ntrue\r\n";
    [stream, HEAD, file, TAIL].concat()
}

/// A form whose body, of `length` bytes in all, exists only piece by piece. None is shorter than a form
/// with an empty file.
pub(crate) fn generated(
    length: usize,
) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send + use<> {
    let file = length.saturating_sub(HEAD.len() + TAIL.len());
    let pieces =
        iter::repeat_n(PIECE, file / PIECE.len()).chain(iter::once(&PIECE[..file % PIECE.len()]));
    let body = iter::once(HEAD).chain(pieces).chain(iter::once(TAIL));
    stream::iter(body.map(|piece| Ok(Frame::data(Bytes::from_static(piece)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt as _;

    #[tokio::test]
    async fn a_generated_form_is_the_form_of_a_file_of_zeros_and_as_long_as_asked() {
        for length in [1000, HEAD.len() + TAIL.len(), 200_000] {
            let mut body = Vec::new();
            let mut frames = generated(length);
            while let Some(Ok(frame)) = frames.next().await {
                body.extend_from_slice(&frame.into_data().unwrap());
            }
            assert_eq!(body.len(), length);
            assert_eq!(body, of(&vec![0; length - HEAD.len() - TAIL.len()]));
        }
    }
}
