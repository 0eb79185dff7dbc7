//! Making keys: one, many, root keys, and keys that others minted.
//!
//! Directories first, then the object, then KV (by the object). A key that could not be made whole is
//! rolled back; should that fail too, what is left has limits, and nobody was told the key.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;

use super::bodies::{CreateKey, CreateKeys, CreateRootKey, CreatedKey, ImportKeys, Made};
use super::{
    AT_ONCE, Admin, Idempotency, MAX_PAGE, Ports, checks, invalid, limiter, read, unchanged,
};
use crate::api_key::KeyHash;
use crate::change::{Change, Unchanged};
use crate::error::EdgeError;
use crate::key_record::KeyRecord;
use crate::key_state::KeyState;
use crate::limit::Limit;
use crate::plan::Plan;
use crate::ports::{Changed, Claim, Rng};
use crate::scope::AdminScope;

/// A key about to be made.
struct Draft {
    state: KeyState,
    reveal: Option<String>,
}

impl<P: Ports> Admin<'_, P> {
    /// Makes a key.
    pub async fn create(
        &self,
        body: &[u8],
        idempotency: Option<&Idempotency>,
        rng: &mut impl Rng,
    ) -> Result<CreatedKey, EdgeError> {
        let wish: CreateKey = read(body)?;
        self.check(&wish)?;
        let plans = self.plans_of(std::slice::from_ref(&wish)).await?;
        let record = self.record(wish, &plans)?;
        let made = self
            .mint_and_make(&[record], &plans, idempotency, rng)
            .await;
        made.and_then(only)
    }

    /// Makes up to a thousand keys. All wishes are checked before the first is carried out.
    pub async fn create_many(
        &self,
        body: &[u8],
        idempotency: Option<&Idempotency>,
        rng: &mut impl Rng,
    ) -> Result<Made, EdgeError> {
        let CreateKeys { keys: wishes } = read(body)?;
        count(wishes.len())?;
        for (at, wish) in wishes.iter().enumerate() {
            self.check(wish).map_err(|e| of_item(e, at))?;
        }
        let plans = self.plans_of(&wishes).await?;
        let wishes = wishes.into_iter().enumerate();
        let records: Vec<KeyRecord> = wishes
            .map(|(at, wish)| self.record(wish, &plans).map_err(|e| of_item(e, at)))
            .collect::<Result<_, _>>()?;
        let data = self
            .mint_and_make(&records, &plans, idempotency, rng)
            .await?;
        Ok(Made { data })
    }

    /// Takes in keys that others minted, by their hashes.
    pub async fn import(&self, body: &[u8], rng: &mut impl Rng) -> Result<Made, EdgeError> {
        let ImportKeys { keys } = read(body)?;
        count(keys.len())?;
        let mut wishes = Vec::new();
        let mut hashes = Vec::new();
        for (at, import) in keys.into_iter().enumerate() {
            let hash = KeyHash::from_hex(&import.hash).ok_or_else(|| {
                of_item(invalid("hash", "`hash` must be 64 hex digits.".into()), at)
            })?;
            let shown =
                import.start.chars().count() <= 16 && !import.start.chars().any(char::is_control);
            if !shown {
                let message = "`start` must be at most 16 characters.".to_owned();
                return Err(of_item(invalid("start", message), at));
            }
            self.check(&import.key).map_err(|e| of_item(e, at))?;
            hashes.push((hash.to_hex(), import.start));
            wishes.push(import.key);
        }
        let plans = self.plans_of(&wishes).await?;
        let mut drafts = Vec::new();
        for (at, (wish, (hash, start))) in wishes.into_iter().zip(hashes).enumerate() {
            let record = self.record(wish, &plans).map_err(|e| of_item(e, at))?;
            let id = self.mint(false, None, 0, rng)?.id;
            let state = Self::draft(record, &id, &hash, &start, &plans);
            drafts.push(Draft {
                state,
                reveal: None,
            });
        }
        // A hash that is known already belongs to a key that works: that one stays.
        for (at, draft) in drafts.iter().enumerate() {
            let entry = crate::key_state::record_entry(false, &draft.state.hash);
            let known = self.ports.record(&entry).await.map_err(super::key_store)?;
            if known.is_some() {
                return Err(of_item(EdgeError::KeyExists(String::new()), at));
            }
        }
        let data = self.make(drafts, false).await?;
        Ok(Made { data })
    }

    /// Makes a root key, with at most the scopes of the one that asks for it.
    pub async fn create_root(
        &self,
        body: &[u8],
        holder: &[AdminScope],
        idempotency: Option<&Idempotency>,
        rng: &mut impl Rng,
    ) -> Result<CreatedKey, EdgeError> {
        let wish: CreateRootKey = read(body)?;
        checks::name(&wish.name)?;
        checks::admin_scopes(&wish.scopes)?;
        if let Some(beyond) = wish.scopes.iter().find(|scope| !scope.is_among(holder)) {
            return Err(EdgeError::InsufficientAdminScope(*beyond));
        }
        checks::allowed_ips(&wish.allowed_ips)?;
        let now = self.ports.now();
        wish.expires_at
            .map_or(Ok(()), |at| checks::expiry(at, now))?;
        wish.metadata.as_ref().map_or(Ok(()), checks::metadata)?;
        let record = KeyRecord {
            name: wish.name,
            admin_scopes: wish.scopes,
            allowed_ips: wish.allowed_ips,
            expires_at: wish.expires_at,
            metadata: wish.metadata,
            ..KeyRecord::blank(now.seconds())
        };
        let minted = self.mint(true, idempotency.map(|i| (i, 0)), 0, rng)?;
        let (hash, start) = (minted.key.hash().to_hex(), minted.key.start());
        let state = Self::draft(record, &minted.id, &hash, start, &BTreeMap::new());
        let draft = Draft {
            state: marked(state, idempotency, 0),
            reveal: Some(minted.key.reveal().to_owned()),
        };
        self.make(vec![draft], idempotency.is_some())
            .await
            .and_then(only)
    }

    /// Mints and makes; an idempotent request whose keys were derived with the signing secret before the
    /// present one is tried with that, too.
    async fn mint_and_make(
        &self,
        records: &[KeyRecord],
        plans: &BTreeMap<String, Plan>,
        idempotency: Option<&Idempotency>,
        rng: &mut impl Rng,
    ) -> Result<Vec<CreatedKey>, EdgeError> {
        let mut secret = 0;
        loop {
            let mut drafts = Vec::with_capacity(records.len());
            for (index, record) in records.iter().enumerate() {
                let minted = self.mint(false, idempotency.map(|i| (i, index)), secret, rng)?;
                let (hash, start) = (minted.key.hash().to_hex(), minted.key.start());
                let state = Self::draft(record.clone(), &minted.id, &hash, start, plans);
                drafts.push(Draft {
                    state: marked(state, idempotency, index),
                    reveal: Some(minted.key.reveal().to_owned()),
                });
            }
            let made = self.make(drafts, idempotency.is_some()).await;
            secret += 1;
            let another = idempotency.is_some() && secret < self.settings.signing_secrets.len();
            if !(another && matches!(made, Err(EdgeError::IdempotencyKeyReused))) {
                return made;
            }
        }
    }

    /// Enters the keys where they must be known and makes them. All or, as far as that can be, none.
    async fn make(
        &self,
        mut drafts: Vec<Draft>,
        idempotent: bool,
    ) -> Result<Vec<CreatedKey>, EdgeError> {
        let entered = self.enter_all(&mut drafts).await;
        let made = match entered {
            Ok(()) => {
                let all = futures_util::stream::iter(&drafts).map(|draft| self.make_one(draft));
                let made: Vec<_> = all.buffered(AT_ONCE).collect().await;
                made.into_iter().collect::<Result<Vec<_>, _>>()
            }
            Err(error) => Err(error),
        };
        // A retry of an idempotent request goes on where this one failed.
        if made.is_err() && !idempotent {
            let all = futures_util::stream::iter(&drafts).map(|draft| self.undo(draft));
            all.buffered(AT_ONCE).collect::<Vec<()>>().await;
        }
        made
    }

    async fn make_one(&self, draft: &Draft) -> Result<CreatedKey, EdgeError> {
        match self.ports.create(&draft.state, &self.actor).await {
            Ok(Changed::Done(view)) if view.state.record.revoked_at.is_none() => Ok(CreatedKey {
                key: draft.reveal.clone(),
                limits_in_force: view.state.limits(),
                record: view.state.record,
            }),
            Ok(Changed::Not(Unchanged::Taken)) => Err(EdgeError::KeyExists(String::new())),
            Ok(Changed::Not(Unchanged::Conflict) | Changed::Done(_)) => {
                Err(EdgeError::IdempotencyKeyReused)
            }
            Ok(Changed::Not(why)) => Err(unchanged(why)),
            Ok(Changed::Absent) => Err(EdgeError::Internal("a key was not made".to_owned())),
            Err(error) => Err(limiter(error)),
        }
    }

    /// Best effort: the writes may have happened. Nobody has seen the key; make sure nobody could use it.
    async fn undo(&self, draft: &Draft) {
        let id = &draft.state.record.id;
        let _ = self
            .ports
            .change(id, &Change::Revoke, &self.actor, None)
            .await;
        let _ = self.ports.remove(&draft.state.removal()).await;
        for directory in draft.state.directories() {
            let _ = self.ports.leave(&directory, id).await;
        }
    }

    /// Enters all drafts with their owners and plans, and takes over what those announced.
    async fn enter_all(&self, drafts: &mut [Draft]) -> Result<(), EdgeError> {
        let mut by_directory: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, draft) in drafts.iter().enumerate() {
            for directory in draft.state.directories() {
                by_directory.entry(directory).or_default().push(at);
            }
        }
        for (directory, places) in by_directory {
            let of_owner = directory.starts_with("owner:");
            let claims = |at: &usize| of_owner && drafts[*at].state.record.self_service;
            let (claiming, plain): (Vec<usize>, Vec<usize>) =
                places.iter().partition(|at| claims(at));
            let mut announced = None;
            if !plain.is_empty() {
                let ids: Vec<&str> = plain.iter().map(|at| drafts[*at].id()).collect();
                announced = self.enter(&directory, &ids).await?;
            }
            for at in claiming {
                announced = self.claim(&directory, &drafts[at].state.record).await?;
            }
            for at in places {
                drafts[at].state.take_announced(announced.as_slice());
            }
        }
        Ok(())
    }

    async fn enter(
        &self,
        directory: &str,
        ids: &[&str],
    ) -> Result<Option<serde_json::Value>, EdgeError> {
        let entered = self.ports.enter(directory, ids, None).await;
        Ok(entered.map_err(limiter)?.announced)
    }

    /// Enters a key that its owner takes by himself: he has none on this plan, or one that is revoked or
    /// was never made whole.
    async fn claim(
        &self,
        directory: &str,
        record: &KeyRecord,
    ) -> Result<Option<serde_json::Value>, EdgeError> {
        let (mut instead_of, mut revoked) = (None::<String>, false);
        for _ in 0..2 {
            let ids = [record.id.as_str()];
            let claim = record.plan.as_deref().map(|name| Claim {
                name,
                instead_of: instead_of.as_deref(),
                revoked,
            });
            let entered = self.ports.enter(directory, &ids, claim).await;
            let entered = entered.map_err(limiter)?;
            let Some(holder) = entered.taken_by else {
                return Ok(entered.announced);
            };
            match self.ports.view(&holder).await.map_err(limiter)? {
                Changed::Done(view) if view.state.record.revoked_at.is_none() => {
                    return Err(EdgeError::KeyExists(holder));
                }
                // On its way, or never made whole.
                Changed::Absent => revoked = false,
                Changed::Done(_) | Changed::Not(_) => revoked = true,
            }
            instead_of = Some(holder);
        }
        // Somebody else took it in between.
        Err(EdgeError::KeyExists(instead_of.unwrap_or_default()))
    }

    /// The plans that are wished for, as their objects have them.
    async fn plans_of(&self, wishes: &[CreateKey]) -> Result<BTreeMap<String, Plan>, EdgeError> {
        let mut plans = BTreeMap::new();
        for name in wishes.iter().filter_map(|wish| wish.plan.as_deref()) {
            if !plans.contains_key(name) {
                plans.insert(name.to_owned(), self.plan(name).await?);
            }
        }
        Ok(plans)
    }

    fn check(&self, wish: &CreateKey) -> Result<(), EdgeError> {
        checks::name(&wish.name)?;
        wish.owner.as_deref().map_or(Ok(()), checks::owner)?;
        wish.plan.as_deref().map_or(Ok(()), checks::plan_name)?;
        wish.scopes.as_deref().map_or(Ok(()), checks::scopes)?;
        wish.models.as_deref().map_or(Ok(()), checks::models)?;
        wish.limits.as_deref().map_or(Ok(()), checks::limits)?;
        wish.credits.as_ref().map_or(Ok(()), checks::credits)?;
        wish.cost.map_or(Ok(()), checks::cost)?;
        checks::allowed_ips(&wish.allowed_ips)?;
        checks::allowed_origins(&wish.allowed_origins)?;
        let now = self.ports.now();
        wish.expires_at
            .map_or(Ok(()), |at| checks::expiry(at, now))?;
        wish.metadata.as_ref().map_or(Ok(()), checks::metadata)?;
        if wish.self_service && (wish.owner.is_none() || wish.plan.is_none()) {
            let message = "A key for self-service needs `owner` and `plan`.";
            return Err(invalid("self_service", message.to_owned()));
        }
        Ok(())
    }

    fn record(
        &self,
        wish: CreateKey,
        plans: &BTreeMap<String, Plan>,
    ) -> Result<KeyRecord, EdgeError> {
        let plan = wish.plan.as_ref().and_then(|name| plans.get(name));
        if wish.self_service && !plan.is_some_and(|plan| plan.self_service) {
            let message = "This plan is not for self-service.".to_owned();
            return Err(invalid("plan", message));
        }
        let limits = match (wish.limits, plan) {
            (Some(limits), _) => limits,
            (None, Some(_)) => Vec::new(),
            (None, None) => self.settings.default_limits.clone(),
        };
        let record = KeyRecord {
            name: wish.name,
            owner: wish.owner,
            plan: wish.plan,
            scopes: wish.scopes,
            models: wish.models,
            limits,
            credits: wish.credits.or_else(|| plan.and_then(|plan| plan.credits)),
            cost: wish.cost,
            allowed_ips: wish.allowed_ips,
            allowed_origins: wish.allowed_origins,
            enabled: wish.enabled.unwrap_or(true),
            self_service: wish.self_service,
            expires_at: wish.expires_at,
            metadata: wish.metadata,
            ..KeyRecord::blank(self.ports.now().seconds())
        };
        let of_plan = plan.map_or(&[] as &[Limit], |plan| &plan.limits);
        if record.limits_in_force(of_plan).is_empty() && record.credits.is_none() {
            return Err(checks::unlimited());
        }
        Ok(record)
    }

    fn draft(
        record: KeyRecord,
        id: &str,
        hash: &str,
        start: &str,
        plans: &BTreeMap<String, Plan>,
    ) -> KeyState {
        let plan = record.plan.as_ref().and_then(|name| plans.get(name));
        let record = KeyRecord {
            id: id.to_owned(),
            start: start.to_owned(),
            ..record
        };
        KeyState {
            plan_limits: plan.map(|plan| plan.limits.clone()).unwrap_or_default(),
            plan_version: plan.map_or(0, |plan| plan.version),
            ..KeyState::of_record(record, hash.to_owned())
        }
    }
}

impl Draft {
    fn id(&self) -> &str {
        &self.state.record.id
    }
}

fn marked(mut state: KeyState, idempotency: Option<&Idempotency>, index: usize) -> KeyState {
    state.made_by = idempotency.map(|idempotency| idempotency.made_by(index));
    state
}

fn only(mut made: Vec<CreatedKey>) -> Result<CreatedKey, EdgeError> {
    let none = || EdgeError::Internal("a key was not made".to_owned());
    made.pop().ok_or_else(none)
}

fn count(number: usize) -> Result<(), EdgeError> {
    if (1..=MAX_PAGE as usize).contains(&number) {
        return Ok(());
    }
    Err(invalid(
        "keys",
        format!("`keys` must be 1 to {MAX_PAGE} keys."),
    ))
}

/// An error of one of several wishes says of which.
fn of_item(error: EdgeError, at: usize) -> EdgeError {
    match error {
        EdgeError::InvalidValue { param, message } => EdgeError::InvalidValue {
            param,
            message: format!("keys[{at}]: {message}"),
        },
        error => error,
    }
}
