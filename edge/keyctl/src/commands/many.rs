//! Many keys through the API: create-many, import. A file of any length is sent in calls of the size
//! that the API takes.

use std::io::Write;

use edge_core::admin::{CreateKey, ImportKey, MAX_BODY_BYTES, MAX_PAGE};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use ureq::http::Method;

use crate::cli::file::{CreateManyArgs, ImportArgs};
use crate::client::{Answer, Client};
use crate::entries_file;
use crate::error::{Error, Repeat};
use crate::key_sink::{KeySink, MadeKey};
use crate::note;
use crate::path::ApiPath;
use crate::table::columns;
use crate::wire::{Entries, Made};

use super::keys::new_key;
use super::{client, number_of_keys, repeat};

/// What surrounds the entries of a body, and more.
const BODY_RESERVE: usize = 64;

/// Makes the keys of a file. Each is told as soon as the API has made it.
pub(crate) fn create_many(args: &CreateManyArgs, out: &mut impl Write) -> Result<(), Error> {
    if args.keys_out.is_some() && args.api.json {
        let message =
            "--keys-out takes the keys out of standard output, and --json puts them there";
        return Err(Error::Usage(message.to_owned()));
    }
    let repeat = repeat(args.repeat.idempotency_key.as_deref(), None)?;
    let entries = entries_file::read::<CreateKey>(&args.file)?;
    let client = client(&args.api)?;
    let json = args.api.json;
    let mut sink = KeySink::new(args.keys_out.as_deref(), out)?;
    let mut done = 0;
    for (call, part) in parts(&entries).enumerate() {
        let repeat = Repeat {
            call: Some(call + 1),
            ..repeat.clone()
        };
        let made = make(&client, part, &repeat)
            .and_then(|answer| tell(&client, &answer, json, &mut sink, &repeat));
        if let Err(cause) = made {
            if done == 0 {
                // Nothing is told yet, and the same command is to find the place free.
                sink.discard();
            }
            let hint = made_before(done, &cause, &repeat, args.keys_out.is_some());
            return Err(in_part(cause, done, part.len(), entries.len(), hint));
        }
        done += part.len();
    }
    note(&format!(
        "{} made. They are kept nowhere else: store them now.",
        number_of_keys(done)
    ));
    Ok(())
}

fn make(client: &Client, part: &[Box<RawValue>], repeat: &Repeat) -> Result<Answer<Made>, Error> {
    let path = ApiPath::of("/admin/keys/bulk");
    let answer = client.post_once::<Made>(&path, &Entries { keys: part }, repeat.clone())?;
    if answer.value.data.len() == part.len() {
        Ok(answer)
    } else {
        Err(client.unexpected("another number of keys than was asked for"))
    }
}

fn tell(
    client: &Client,
    answer: &Answer<Made>,
    json: bool,
    sink: &mut KeySink<'_, impl Write>,
    repeat: &Repeat,
) -> Result<(), Error> {
    if answer.value.data.iter().any(|made| made.key.is_none()) {
        return Err(client.unexpected("no key where one was made"));
    }
    write(answer, json, sink).map_err(|cause| Error::KeyNotShown {
        id: "each of them".to_owned(),
        cause,
        repeat: repeat.clone(),
    })
}

fn write<W: Write>(
    answer: &Answer<Made>,
    json: bool,
    sink: &mut KeySink<'_, W>,
) -> std::io::Result<()> {
    match sink {
        KeySink::Output(out) if json => writeln!(out, "{}", answer.json.trim_end())?,
        _ => {
            for made in &answer.value.data {
                sink.tell(&MadeKey {
                    id: &made.record.id,
                    name: &made.record.name,
                    owner: made.record.owner.as_deref(),
                    key: made.key.as_deref().unwrap_or_default(),
                })?;
            }
        }
    }
    sink.flush()
}

/// Takes in keys that others minted.
pub(crate) fn import(args: ImportArgs, out: &mut impl Write) -> Result<(), Error> {
    let entries = match (&args.file, args.hash, args.name) {
        (Some(file), _, _) => entries_file::read::<ImportKey>(file)?,
        (None, Some(hash), Some(name)) => {
            if hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
                // Not repeated: it may be the key itself.
                let message = "--hash is the SHA-256 of the key in 64 hex digits, never the key";
                return Err(Error::Usage(message.to_owned()));
            }
            let key = new_key(name, args.fields, &args.expiry)?;
            let entry = json!({ "hash": hash, "start": args.start, "key": key });
            vec![to_raw_value(&entry).map_err(std::io::Error::from)?]
        }
        _ => return Err(Error::Usage("give a file, or --hash and --name".to_owned())),
    };
    let client = client(&args.api)?;
    let path = ApiPath::of("/admin/keys/import");
    let mut done = 0;
    for part in parts(&entries) {
        let taken = client
            .send_json::<Made>(&Method::POST, &path, &Entries { keys: part })
            .map_err(doubtful)
            .and_then(|answer| Ok(show_imported(&answer, args.api.json, done == 0, out)?));
        taken.map_err(|cause| {
            let next = done + 1;
            let hint = format!("{done} keys were imported before: go on from entry {next}");
            in_part(cause, done, part.len(), entries.len(), hint)
        })?;
        done += part.len();
    }
    note(&format!(
        "{} imported. The deployment's IMPORTED_KEY_PREFIXES must name how they begin: others are refused unread.",
        number_of_keys(done)
    ));
    Ok(())
}

/// An import has no idempotency key, and needs none: a hash that is known already is refused.
fn doubtful(error: Error) -> Error {
    if error.leaves_doubt() {
        Error::ImportUnconfirmed(Box::new(error))
    } else {
        error
    }
}

fn show_imported(
    answer: &Answer<Made>,
    json: bool,
    first: bool,
    out: &mut impl Write,
) -> std::io::Result<()> {
    if json {
        writeln!(out, "{}", answer.json.trim_end())?;
    } else {
        let rows = answer.value.data.iter().map(|made| {
            let record = &made.record;
            let owner = record.owner.clone().unwrap_or_else(|| "-".to_owned());
            let start = format!("{}…", record.start);
            [record.id.clone(), record.name.clone(), start, owner]
        });
        let table = columns(["ID", "NAME", "KEY", "OWNER"], &rows.collect::<Vec<_>>());
        let header = table.find('\n').map_or(0, |end| end + 1);
        out.write_all(&table.as_bytes()[if first { 0 } else { header }..])?;
    }
    out.flush()
}

/// How to go on after the keys that were made before an error.
fn made_before(done: usize, cause: &Error, repeat: &Repeat, to_file: bool) -> String {
    let settled = !matches!(cause, Error::Unconfirmed { .. } | Error::KeyNotShown { .. });
    let next = if settled {
        let (next, key) = (done + 1, &repeat.key);
        format!(
            ": correct the file from entry {next} on, and run the same command with `--idempotency-key {key}` (nothing is made twice)"
        )
    } else {
        String::new()
    };
    let place = if to_file && done > 0 {
        "; it tells all of them again, so give it another --keys-out"
    } else {
        ""
    };
    format!("{done} keys were made before{next}{place}")
}

/// Says of which entries an error is, where a file took several calls.
fn in_part(cause: Error, done: usize, part: usize, all: usize, hint: String) -> Error {
    if part == all {
        return cause;
    }
    Error::Part {
        first: done + 1,
        last: done + part,
        hint,
        cause: Box::new(cause),
    }
}

/// The entries in parts of the size that one call takes: by number, and by bytes. They depend on the
/// file alone, so that a repeated command makes the same calls.
pub(super) fn parts(entries: &[Box<RawValue>]) -> impl Iterator<Item = &[Box<RawValue>]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let mut bytes = BODY_RESERVE;
        let fits = rest
            .iter()
            .take(MAX_PAGE as usize)
            .take_while(|entry| {
                bytes += entry.get().len() + 1;
                bytes <= MAX_BODY_BYTES
            })
            .count();
        // One entry that is too long by itself is sent alone, to be refused by its length.
        let (part, after) = rest.split_at(fits.max(1).min(rest.len()));
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(lengths: &[usize]) -> Vec<Box<RawValue>> {
        let entry = |length: &usize| to_raw_value(&"x".repeat(length - 2)).unwrap();
        lengths.iter().map(entry).collect()
    }

    fn sizes(entries: &[Box<RawValue>]) -> Vec<usize> {
        parts(entries).map(<[_]>::len).collect()
    }

    #[test]
    fn a_file_is_cut_by_number_and_by_bytes() {
        assert_eq!(sizes(&entries(&vec![10; 2_500])), [1_000, 1_000, 500]);
        assert_eq!(sizes(&entries(&vec![10; 1_000])), [1_000]);
        assert_eq!(sizes(&[]), [0; 0]);
        let half = MAX_BODY_BYTES / 2 - 100;
        assert_eq!(sizes(&entries(&[half, half, half])), [2, 1]);
        assert_eq!(sizes(&entries(&[10, MAX_BODY_BYTES, 10])), [1, 1, 1]);
    }

    #[test]
    fn every_part_fits_into_a_body() {
        let many = entries(&vec![3_000; 2_000]);
        for part in parts(&many) {
            let body = serde_json::to_vec(&Entries { keys: part }).unwrap();
            assert!(body.len() <= MAX_BODY_BYTES);
        }
    }
}
