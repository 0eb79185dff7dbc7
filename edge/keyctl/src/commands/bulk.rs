//! Very many keys: minted on this machine, for `wrangler kv bulk put`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::Path;

use edge_core::admin::{Admin, CreateKey};
use edge_core::change::Actor;
use edge_core::config::Settings;
use edge_core::error::EdgeError;
use edge_core::key_state::{Entry, KeyState};
use edge_core::plan::Plan;
use edge_core::ports::UnixMs;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cli::file::BulkArgs;
use crate::entries_file;
use crate::error::Error;
use crate::key_sink::{KeySink, MadeKey, PrivateFile};
use crate::note;
use crate::offline::{Deployment, Drafts, finish};
use crate::rng::SystemRng;
use crate::time_spec::now;
use crate::wire::{Entries, Made, PlanList};

use super::many::parts;
use super::number_of_keys;

/// Longest file of plans, in bytes: what an answer of the API may have.
const MAX_PLANS_BYTES: u64 = 16 * 1024 * 1024;

/// What `wrangler kv bulk put` reads of an entry.
#[derive(Serialize)]
struct KvPair<'a> {
    key: &'a str,
    value: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Value>,
}

/// Mints the keys of a file; writes the entries of KV, and tells each key once.
pub(crate) fn bulk(args: &BulkArgs, out: &mut impl Write) -> Result<(), Error> {
    let wishes = entries_file::read::<CreateKey>(&args.file)?;
    refuse_self_service(&wishes)?;
    let plans = args.plans.as_deref().map(read_plans).transpose()?;
    let settings = Deployment {
        prefix: &args.prefix,
        env: args.env,
        default_limits: &args.default_limits,
    }
    .settings()?;
    let now = UnixMs(now().saturating_mul(1_000));
    let drafts = Drafts::new(plans.as_deref().unwrap_or_default(), now)?;
    let minted = mint(&drafts, &settings, &wishes)?;

    let mut file = PrivateFile::create(&args.out)?;
    let mut sink = match KeySink::new(args.keys_out.as_deref(), out) {
        Ok(sink) => sink,
        Err(error) => {
            file.discard();
            return Err(error);
        }
    };
    let written = write_entries(&minted, now, &mut file).and_then(|()| tell(&minted, &mut sink));
    if let Err(cause) = written {
        // Entries whose keys nobody has are good for nothing.
        file.discard();
        sink.discard();
        return Err(Error::BulkNotWritten(cause));
    }
    note(&format!(
        "{} minted. They are kept nowhere else: store them now. They work once the entries are in KV:\n  npx wrangler kv bulk put {} --binding KEYS --remote",
        number_of_keys(minted.len()),
        args.out.display()
    ));
    Ok(())
}

/// A key that was minted. Not `Debug`: it holds the key.
struct Minted {
    state: KeyState,
    key: String,
}

fn mint(
    drafts: &Drafts,
    settings: &Settings,
    wishes: &[Box<RawValue>],
) -> Result<Vec<Minted>, Error> {
    let admin = Admin {
        ports: drafts,
        settings,
        actor: Actor::default(),
        credential: "",
    };
    let mut minted = Vec::with_capacity(wishes.len());
    let mut done = 0;
    for part in parts(wishes) {
        let body = serde_json::to_vec(&Entries { keys: part }).map_err(io::Error::from)?;
        let made = finish(admin.create_many(&body, None, &mut SystemRng));
        let made = made.map_err(|error| refused(&error, done, part.len()))?;
        let made = serde_json::to_value(&made).and_then(serde_json::from_value::<Made>);
        let mut keys: BTreeMap<String, String> = made
            .map_err(io::Error::from)?
            .data
            .into_iter()
            .filter_map(|view| Some((view.record.id, view.key?)))
            .collect();
        for state in drafts.take() {
            let key = keys.remove(&state.record.id).unwrap_or_default();
            minted.push(Minted { state, key });
        }
        done += part.len();
    }
    // A rule that makes something else than it answers would write entries of keys that nobody has.
    if minted.len() != wishes.len() || minted.iter().any(|minted| minted.key.is_empty()) {
        return Err(Error::Usage(
            "not every wish made a key; nothing was written".to_owned(),
        ));
    }
    Ok(minted)
}

/// What the rules say of one of the wishes `done + 1` to `done + part`.
fn refused(error: &EdgeError, done: usize, part: usize) -> Error {
    let message = error.cause().unwrap_or_else(|| error.answer().message);
    let hint = match error {
        EdgeError::NotFound("plan") => " --plans must have every plan that a wish names.",
        _ => "",
    };
    let places = format!("entries {} to {}", done + 1, done + part);
    Error::Usage(format!(
        "{places} (keys[0] is the first of them): {message}{hint}"
    ))
}

/// The API makes sure that an owner has one key of each plan; here nobody can.
fn refuse_self_service(wishes: &[Box<RawValue>]) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Marked {
        #[serde(default)]
        self_service: bool,
    }
    for (at, wish) in wishes.iter().enumerate() {
        let marked = serde_json::from_str::<Marked>(wish.get());
        if marked.is_ok_and(|wish| wish.self_service) {
            return Err(Error::Usage(format!(
                "entry {}: a key for self-service must be made by the API: use create-many",
                at + 1
            )));
        }
    }
    Ok(())
}

fn read_plans(path: &Path) -> Result<Vec<Plan>, Error> {
    let wrong = |problem: String| Error::Usage(format!("{}: {problem}", path.display()));
    let file = File::open(path).map_err(|e| wrong(e.to_string()))?;
    let mut text = String::new();
    file.take(MAX_PLANS_BYTES)
        .read_to_string(&mut text)
        .map_err(|e| wrong(e.to_string()))?;
    let list: PlanList = serde_json::from_str(&text)
        .map_err(|e| wrong(format!("no output of `keyctl plan list --json`: {e}")))?;
    Ok(list.data)
}

/// Writes the entries in an order in which no key works before it can be found, and so be revoked:
/// wrangler sends them a thousand at a time, and may fail between.
fn write_entries(minted: &[Minted], now: UnixMs, file: &mut PrivateFile) -> io::Result<()> {
    let mut entries = Vec::new();
    let mut last = Vec::new();
    for minted in minted {
        let mut of_key = minted.state.entries(now)?;
        last.extend(of_key.pop());
        entries.append(&mut of_key);
    }
    entries.append(&mut last);
    let mut separator = "[";
    for Entry {
        name,
        value,
        metadata,
    } in &entries
    {
        // A new key has nothing to delete.
        let Some(value) = value else { continue };
        let pair = KvPair {
            key: name,
            value,
            metadata: metadata.as_ref(),
        };
        write!(
            file.writer,
            "{separator}\n{}",
            serde_json::to_string(&pair)?
        )?;
        separator = ",";
    }
    writeln!(file.writer, "\n]")?;
    file.sync()
}

fn tell(minted: &[Minted], sink: &mut KeySink<'_, impl Write>) -> io::Result<()> {
    for Minted { state, key } in minted {
        sink.tell(&MadeKey {
            id: &state.record.id,
            name: &state.record.name,
            owner: state.record.owner.as_deref(),
            key,
        })?;
    }
    sink.flush()
}
