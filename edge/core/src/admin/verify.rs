//! Verification as a service: another API of the same owner asks about a key it was shown.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Admin, Ports, checks, invalid, key_store, read};
use crate::admission::{Answer, Code};
use crate::api_key::KeyHash;
use crate::error::EdgeError;
use crate::key_record::KeyRecord;
use crate::key_state::record_entry;
use crate::scope::Scope;
use crate::verify::{Verdict, verify};

/// The body of `POST /v1/keys/verify`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VerifyKey {
    /// The key as it was presented.
    key: String,
    /// What it is to be used for.
    scope: Option<Scope>,
    /// What that weighs, 0 (only a question) to 1,000,000; 1 if left out.
    #[cfg_attr(feature = "openapi", schemars(range(max = 1_000_000)))]
    cost: Option<u32>,
    /// The address it was presented from; without it a key that is bound to addresses is `FORBIDDEN`.
    #[cfg_attr(feature = "openapi", schemars(extend("format" = "ip")))]
    address: Option<IpAddr>,
}

/// Every `code` of a [`Verification`].
#[cfg(feature = "openapi")]
const VERDICTS: [&str; 8] = [
    "VALID",
    "NOT_FOUND",
    "DISABLED",
    "EXPIRED",
    "RATE_LIMITED",
    "USAGE_EXCEEDED",
    "INSUFFICIENT_PERMISSIONS",
    "FORBIDDEN",
];

/// The verdict on a key. Every verdict is a 200.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Verification {
    /// Whether it may be used, and was charged.
    pub valid: bool,
    /// `VALID`, `NOT_FOUND`, `DISABLED`, `EXPIRED`, `RATE_LIMITED`, `USAGE_EXCEEDED`,
    /// `INSUFFICIENT_PERMISSIONS`, `FORBIDDEN`.
    #[cfg_attr(feature = "openapi", schemars(extend("enum" = VERDICTS)))]
    pub code: &'static str,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Its owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What is left of the limit of requests that has the least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u64>,
    /// Seconds until the same question would be answered otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Notes of the key's administrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<crate::key_record::Metadata>,
}

impl<P: Ports> Admin<'_, P> {
    /// The verdict on a key; a valid one is charged.
    pub async fn verify_key(&self, body: &[u8]) -> Result<Verification, EdgeError> {
        let VerifyKey {
            key,
            scope,
            cost,
            address,
        } = read(body)?;
        let cost = cost.unwrap_or(1);
        if cost > 0 {
            checks::cost(cost)?;
        }
        let not_found = Verification {
            code: "NOT_FOUND",
            ..Verification::default()
        };
        let Some(hash) = self.settings.hash_of(&key) else {
            return Ok(not_found);
        };
        let entry = record_entry(false, &hash.to_hex());
        let record = self.ports.record(&entry).await.map_err(key_store)?;
        let Some(record) = record else {
            return Ok(not_found);
        };
        let plan = match &record.plan {
            Some(name) => self.ports.plan(name).await.map_err(key_store)?,
            None => None,
        };
        let terms = record.terms(plan.as_ref());
        let now = self.ports.now();
        let code = match verify(&record, &terms, scope, address, now) {
            Verdict::Valid => return self.charge(record, &hash, cost).await,
            Verdict::Revoked => "NOT_FOUND",
            Verdict::Disabled => "DISABLED",
            Verdict::Expired => "EXPIRED",
            Verdict::ForbiddenAddress => "FORBIDDEN",
            Verdict::InsufficientScope(_) => "INSUFFICIENT_PERMISSIONS",
        };
        Ok(about(record, code))
    }

    async fn charge(
        &self,
        record: KeyRecord,
        hash: &KeyHash,
        cost: u32,
    ) -> Result<Verification, EdgeError> {
        let packed = self.ports.admit(&record, hash, cost).await;
        let packed = packed.map_err(EdgeError::LimiterUnavailable)?;
        let now = self.ports.now();
        let answer = Answer::read(&packed, now)
            .ok_or_else(|| invalid("key", "The limiter's answer has no known form.".to_owned()))?;
        let remaining = packed.split('\n').nth(5).and_then(|n| n.parse().ok());
        let (code, retry_after) = match &answer {
            Answer::Admitted => ("VALID", None),
            Answer::Refused(refusal) => match refusal.code {
                Code::QuotaUsedUp | Code::CreditsUsedUp => {
                    ("USAGE_EXCEEDED", Some(refusal.retry_after(now)))
                }
                _ => ("RATE_LIMITED", Some(refusal.retry_after(now))),
            },
            Answer::Bare(Code::Disabled) => ("DISABLED", None),
            Answer::Bare(Code::Expired) => ("EXPIRED", None),
            Answer::Bare(_) => ("NOT_FOUND", None),
        };
        Ok(Verification {
            valid: answer == Answer::Admitted,
            remaining,
            retry_after,
            ..about(record, code)
        })
    }
}

/// What is told of a key with a verdict; of one that is gone, nothing.
fn about(record: KeyRecord, code: &'static str) -> Verification {
    if code == "NOT_FOUND" {
        return Verification {
            code,
            ..Verification::default()
        };
    }
    Verification {
        code,
        key_id: Some(record.id),
        owner: record.owner,
        metadata: record.metadata,
        ..Verification::default()
    }
}
