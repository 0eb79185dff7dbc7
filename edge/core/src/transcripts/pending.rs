//! What the database could not take: it stands in the bucket until the database hears of it. A line of JSON says what
//! it is, and a transcript's canonical form follows.
//!
//! One that is deleted there is replaced by a note of that, not taken away: whoever has read the transcript and is about
//! to tell the database finds the note afterwards, and takes back what he told.

use inference_api::keeping::Brought;
use serde::{Deserialize, Serialize};

use super::account_hash;
use super::shown::{About, Row};
use super::told::{Kept, brought};
use crate::error::EdgeError;
use crate::ports::UnixMs;

/// How the names of all of it begin.
pub const PENDING: &str = "pending/";

/// Where that of an account stands in the bucket.
pub fn pending_folder(account: &str) -> String {
    format!("{PENDING}{}/", account_hash(account))
}

/// Where the transcript with this id stands.
pub fn pending_place(account: &str, id: &str) -> String {
    format!("{}{id}.json", pending_folder(account))
}

/// What the database is still to hear.
#[derive(Clone, Debug, PartialEq)]
pub enum Aside {
    /// This is kept.
    Kept(Box<Kept>),
    /// This was kept, and is deleted.
    Deleted {
        /// Whose it was.
        account: String,
        /// Its id.
        id: String,
    },
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Head {
    /// What the host said of it, and when it came, in unix milliseconds.
    Kept {
        of: Box<Brought>,
        at: u64,
    },
    Deleted {
        account: String,
        id: String,
    },
}

fn unreadable(cause: impl std::fmt::Display) -> EdgeError {
    EdgeError::Internal(format!(
        "what waits for the database can't be read: {cause}"
    ))
}

impl Aside {
    /// The text of a transcript that waits.
    ///
    /// # Errors
    /// A fault of this code.
    pub fn kept(kept: &Kept) -> Result<String, EdgeError> {
        let head = Head::Kept {
            of: Box::new(kept.of.clone()),
            at: kept.created_at.0,
        };
        let mut text = serde_json::to_string(&head).map_err(unreadable)?;
        text.reserve(kept.body.len() + 1);
        text.push('\n');
        text.push_str(&kept.body);
        Ok(text)
    }

    /// The note that one is deleted.
    ///
    /// # Errors
    /// A fault of this code.
    pub fn deleted(account: &str, id: &str) -> Result<String, EdgeError> {
        let (account, id) = (account.to_owned(), id.to_owned());
        serde_json::to_string(&Head::Deleted { account, id }).map_err(unreadable)
    }

    /// Reads what waits. A transcript is as it would be in the database, and was held against its sum again.
    ///
    /// # Errors
    /// It is none.
    pub fn read(text: &str) -> Result<Self, EdgeError> {
        let (head, body) = text.split_once('\n').unwrap_or((text, ""));
        Ok(match serde_json::from_str(head).map_err(unreadable)? {
            Head::Deleted { account, id } => Self::Deleted { account, id },
            Head::Kept { of, at } => {
                let kept = brought(*of, body.as_bytes().to_vec(), UnixMs(at));
                Self::Kept(Box::new(
                    kept.map_err(|error| unreadable(error.cause().unwrap_or_default()))?,
                ))
            }
        })
    }

    /// What its owner is shown of it: nothing, if it is deleted, has expired, or is none of his transcripts.
    pub fn shown(self, account: &str, now: UnixMs) -> Option<Row> {
        let Self::Kept(kept) = self else {
            return None;
        };
        let of = kept.of;
        let is_there = of.until_ms.is_none_or(|until| until > now.0);
        if !(of.listed && is_there && of.likeness.account == account) {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of audio")]
        let duration = kept.duration_ms as f64 / 1000.0;
        Some(Row {
            about: About {
                id: of.id,
                object: "transcript".to_owned(),
                created_at: kept.created_at.seconds(),
                expires_at: of.until_ms.map(|until| UnixMs(until).seconds()),
                name: of.name,
                model: of.model,
                task: kept.task.to_owned(),
                language: kept.language,
                duration,
                links: 0,
                has_audio: false,
            },
            body: kept.body,
        })
    }
}

#[cfg(test)]
mod tests {
    use inference_api::keeping::{Likeness, Once};
    use inference_api::render::canonical;
    use sha2::{Digest as _, Sha256};

    use super::super::tests::{NOW, transcript};
    use super::*;

    const ACCOUNT: &str = "owner:acme";

    fn kept() -> Kept {
        let body = canonical(&transcript());
        let of = Brought {
            id: "tr_00000000000000000001".into(),
            likeness: Likeness {
                account: ACCOUNT.into(),
                audio: "a".repeat(64),
                parameters: "b".repeat(64),
            },
            until_ms: Some(NOW.0 + 1),
            key_id: "key_1".into(),
            model: "tiny.en".into(),
            name: Some("a\nb.flac".into()),
            body: hex::encode(Sha256::digest(&body)),
            once: Some(Once {
                key: "k".repeat(64),
                request: "r".repeat(64),
            }),
            listed: true,
            job: Some("job_1".into()),
        };
        brought(of, body.into_bytes(), NOW).unwrap()
    }

    fn read(text: &str) -> Aside {
        Aside::read(text).unwrap()
    }

    #[test]
    fn what_waits_for_the_database_is_all_that_it_will_be_told() {
        let text = Aside::kept(&kept()).unwrap();
        assert_eq!(read(&text), Aside::Kept(Box::new(kept())));
        let (head, body) = text.split_once('\n').unwrap();
        assert_eq!(body, kept().body);
        assert!(!head.contains("Hello"));
        let note = Aside::deleted(ACCOUNT, "tr_1").unwrap();
        let deleted = Aside::Deleted {
            account: ACCOUNT.into(),
            id: "tr_1".into(),
        };
        assert_eq!(read(&note), deleted);
        assert!(!note.contains("Hello"));
    }

    #[test]
    fn only_its_owner_is_shown_what_waits_and_only_while_it_is_there() {
        let aside = || read(&Aside::kept(&kept()).unwrap());
        let row = aside().shown(ACCOUNT, NOW).unwrap();
        assert_eq!(row.body, kept().body);
        assert_eq!(
            (row.about.created_at, row.about.duration),
            (NOW.seconds(), 1.5)
        );
        assert_eq!(aside().shown("owner:rival", NOW), None);
        assert_eq!(aside().shown(ACCOUNT, NOW.plus_ms(1)), None);
        let mut unlisted = kept();
        unlisted.of.listed = false;
        assert_eq!(Aside::Kept(Box::new(unlisted)).shown(ACCOUNT, NOW), None);
        let note = Aside::deleted(ACCOUNT, "tr_1").unwrap();
        assert_eq!(read(&note).shown(ACCOUNT, NOW), None);
    }

    #[test]
    fn what_was_cut_off_or_changed_in_the_bucket_is_not_told() {
        let text = Aside::kept(&kept()).unwrap();
        for broken in [
            "",
            "\n",
            "{}",
            &text[..text.len() - 1],
            &text.replace("Hello", "Hallo"),
            text.split_once('\n').unwrap().0,
        ] {
            let refused = Aside::read(broken);
            assert!(matches!(refused, Err(EdgeError::Internal(_))), "{broken}");
        }
    }
}
