//! Root keys with scopes of their own, made through the API.

use std::io::Write;

use crate::cli::root::{CreateRootKeyArgs, RootKeysCommand};
use crate::error::{Error, Repeat};
use crate::path::ApiPath;
use crate::wire::{KeyView, NewRootKey};

use super::{client, expires_at, keys, repeat, show_key, update};

/// Root keys.
pub(super) const ROOT_KEYS: &str = "/admin/root-keys";

/// Runs one of the commands on root keys.
pub(crate) fn run(command: RootKeysCommand, out: &mut impl Write) -> Result<(), Error> {
    match command {
        RootKeysCommand::Create(args) => create(args, out),
        RootKeysCommand::List(args) => keys::list_of(ROOT_KEYS, &[], &args.page, &args.api, out),
        RootKeysCommand::Show(args) => keys::show(ROOT_KEYS, &args, out),
        RootKeysCommand::Update(args) => update::update_root(args, out),
        RootKeysCommand::Revoke(args) => keys::revoke(ROOT_KEYS, &args, out),
        RootKeysCommand::Rotate(args) => keys::rotate(ROOT_KEYS, &args, out),
    }
}

fn create(args: CreateRootKeyArgs, out: &mut impl Write) -> Result<(), Error> {
    let repeat = repeat(args.repeat.idempotency_key.as_deref(), Some(&args.expiry))?;
    let wish = NewRootKey {
        name: args.name,
        scopes: args.scopes,
        allowed_ips: args.allowed_ips,
        expires_at: expires_at(&args.expiry),
        metadata: args.metadata,
    };
    let repeat = Repeat {
        expires_at: wish.expires_at.filter(|_| args.expiry.expires_in.is_some()),
        ..repeat
    };
    let client = client(&args.api)?;
    let answer = client.post_once::<KeyView>(&ApiPath::of(ROOT_KEYS), &wish, repeat.clone())?;
    show_key(&client, &answer, args.api.json, out, repeat)
}
