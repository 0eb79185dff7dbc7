//! A realtime session: a WebSocket on which a caller speaks and reads along, in the form of OpenAI's API reference,
//! "Realtime", transcription sessions.
//!
//! [`protocol`] is what passes over the wire, [`settings`] what a client may set, [`turns`] tells where somebody
//! begins and ends to speak, [`session`] decides what an event leads to; none of them waits for anything.
//! [`utterance`] is what was said on its way through the queue, [`conversation`] the one that waits: for the client,
//! for the transcripts, for the clock; [`connection`] is the socket. Whoever leaves frees everything that he holds,
//! because it all hangs on that one future.

mod connection;
mod conversation;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod protocol;
mod session;
mod settings;
mod turns;
mod utterance;

pub(crate) use connection::{Call, serve};
pub(crate) use protocol::MAX_MESSAGE_BYTES;
pub(crate) use settings::Settings;
