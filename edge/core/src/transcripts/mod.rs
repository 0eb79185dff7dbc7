//! Transcripts that are kept: whose they are, what of them hosts may say, and what their owner is shown.

mod answer;
mod audio;
mod listing;
mod page;
mod pending;
mod search;
pub mod serial;
mod sharing;
mod shown;
mod told;

pub use answer::{ANSWER_MS, Answered, answer_folder, answer_place};
pub use audio::{ByteRange, audio_headers, audio_place, byte_range, media_type};
pub use listing::{TranscriptFilter, TranscriptList, TranscriptQuery, next_page, query};
pub use page::{headers as page_headers, missing_page, page};
pub use pending::{Aside, PENDING, pending_folder, pending_place};
pub use sharing::{Link, MAX_LINKS, ShareTranscript, SharedTranscript, Sharing, link_hash};
pub use shown::{
    About, Row, Shown, TranscriptDetail, TranscriptSummary, download, export_head, inline, show,
};
pub use told::{Kept, announced, brought, sought};

use inference_api::keeping::Keep;
use sha2::{Digest as _, Sha256};

use crate::api_key::push_random_base62;
use crate::error::{EdgeError, invalid};
use crate::key_record::{KeyRecord, Terms};
use crate::ports::{Rng, UnixMs};

/// How the id of a transcript begins.
pub const ID_PREFIX: &str = "tr_";
const ID_RANDOM_CHARS: usize = 20;

const DAY_MS: u64 = 86_400_000;

/// Longest canonical form that stands in a row, in bytes; a longer one stands in the bucket. D1 takes rows of 2 MB
/// (Cloudflare's documentation, "D1 limits"); the other columns have room beside it.
pub const MAX_ROW_BYTES: usize = 1_900_000;

/// Whose transcripts those of a key are: its owner's, or its own where it has none. No owner's account is a key's.
pub fn account_of(record: &KeyRecord) -> String {
    match &record.owner {
        Some(owner) => account_of_owner(owner),
        None => format!("key:{}", record.id),
    }
}

/// The account of an owner.
pub fn account_of_owner(owner: &str) -> String {
    format!("owner:{owner}")
}

/// An account's name where it is no value but a part of something: in names of objects, which are listed and logged,
/// and in the index of words.
pub fn account_hash(account: &str) -> String {
    hex::encode(&Sha256::digest(account)[..16])
}

/// Where the long transcripts of an account stand in the bucket.
pub fn folder(account: &str) -> String {
    format!("transcripts/{}/", account_hash(account))
}

/// Where a long transcript stands in the bucket.
pub fn place(account: &str, id: &str) -> String {
    format!("{}{id}.json", folder(account))
}

/// Whether a request asks to keep its transcript: by the value of `store` in its query, or by its header `x-store`,
/// which is empty where there is none.
///
/// # Errors
/// A value that says neither yes nor no.
pub fn is_wanted(query: Option<&str>, header: &str) -> Result<bool, EdgeError> {
    let header = Some(header).filter(|header| !header.is_empty());
    let mut wanted = false;
    for (param, value) in [("store", query), ("x-store", header)] {
        wanted |= match value {
            None | Some("false" | "0") => false,
            Some("true" | "1") => true,
            Some(_) => {
                return Err(invalid(
                    param,
                    format!("`{param}` must be `true` or `false`."),
                ));
            }
        };
    }
    Ok(wanted)
}

/// Why something of a request's answer is to be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Its transcript is to be one of the account's.
    pub listed: bool,
    /// It has an `Idempotency-Key`: the same request again is to be answered alike.
    pub once: bool,
}

impl Wish {
    /// Whether anything is to be kept.
    pub const fn is_any(self) -> bool {
        self.listed || self.once
    }
}

/// What a host is told of a transcript that is to be kept. `edge`: the origin under which hosts reach this edge.
/// `once`: by which the same request is known again. What is not `listed` is kept for that alone, and as long.
///
/// # Errors
/// Without randomness.
pub fn keep(
    record: &KeyRecord,
    terms: &Terms,
    edge: &str,
    listed: bool,
    once: Option<String>,
    now: UnixMs,
    rng: &mut impl Rng,
) -> Result<Keep, EdgeError> {
    let mut id = ID_PREFIX.to_owned();
    push_random_base62(&mut id, ID_RANDOM_CHARS, rng)
        .map_err(|error| EdgeError::Internal(error.to_string()))?;
    let days = terms.retention_days.map(u64::from);
    let until = if listed {
        days.map(|days| now.plus_ms(days * DAY_MS))
    } else {
        Some(now.plus_ms(ANSWER_MS))
    };
    Ok(Keep {
        edge: edge.to_owned(),
        id,
        account: account_of(record),
        until_ms: until.map(|until| until.0),
        listed,
        once,
    })
}

/// Whether a text can be the id of a transcript: what can't is looked for nowhere.
pub fn is_id(text: &str) -> bool {
    text.strip_prefix(ID_PREFIX).is_some_and(|rest| {
        rest.len() == ID_RANDOM_CHARS && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests;
