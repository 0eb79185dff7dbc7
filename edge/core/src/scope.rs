//! What a key may do. Ordinary keys and root keys have scopes of different kinds: no list of the one
//! can hold one of the other.

#[cfg(feature = "openapi")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an ordinary key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
pub enum Scope {
    /// `POST /v1/audio/transcriptions`.
    #[serde(rename = "transcribe")]
    Transcribe,
    /// `POST /v1/audio/translations`.
    #[serde(rename = "translate")]
    Translate,
    /// Jobs.
    #[serde(rename = "jobs")]
    Jobs,
    /// Reading kept transcripts.
    #[serde(rename = "transcripts:read")]
    TranscriptsRead,
    /// Keeping, sharing and deleting transcripts.
    #[serde(rename = "transcripts:write")]
    TranscriptsWrite,
}

impl Scope {
    /// Every scope an ordinary key can have.
    pub const ALL: [Self; 5] = [
        Self::Transcribe,
        Self::Translate,
        Self::Jobs,
        Self::TranscriptsRead,
        Self::TranscriptsWrite,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transcribe => "transcribe",
            Self::Translate => "translate",
            Self::Jobs => "jobs",
            Self::TranscriptsRead => "transcripts:read",
            Self::TranscriptsWrite => "transcripts:write",
        }
    }

    /// The scope of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

/// What a root key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(JsonSchema))]
pub enum AdminScope {
    /// Everything, root keys included.
    #[serde(rename = "admin:*")]
    All,
    /// Keys: every step of their lives.
    #[serde(rename = "admin:keys")]
    Keys,
    /// Plans.
    #[serde(rename = "admin:plans")]
    Plans,
    /// Owners: shared limits, deletion of their data.
    #[serde(rename = "admin:owners")]
    Owners,
    /// Reading usage.
    #[serde(rename = "admin:usage")]
    Usage,
    /// Reading the audit.
    #[serde(rename = "admin:audit")]
    Audit,
    /// Reading how the inference hosts fare.
    #[serde(rename = "admin:hosts")]
    Hosts,
    /// Dead jobs.
    #[serde(rename = "admin:jobs")]
    Jobs,
    /// Invitations to the portal.
    #[serde(rename = "admin:portal")]
    Portal,
    /// `POST /v1/keys/verify`.
    #[serde(rename = "admin:verify")]
    Verify,
}

impl AdminScope {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::All,
        Self::Keys,
        Self::Plans,
        Self::Owners,
        Self::Usage,
        Self::Audit,
        Self::Hosts,
        Self::Jobs,
        Self::Portal,
        Self::Verify,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "admin:*",
            Self::Keys => "admin:keys",
            Self::Plans => "admin:plans",
            Self::Owners => "admin:owners",
            Self::Usage => "admin:usage",
            Self::Audit => "admin:audit",
            Self::Hosts => "admin:hosts",
            Self::Jobs => "admin:jobs",
            Self::Portal => "admin:portal",
            Self::Verify => "admin:verify",
        }
    }

    /// Whether somebody with these scopes may do what needs `self`.
    pub fn is_among(self, scopes: &[Self]) -> bool {
        scopes.contains(&self) || scopes.contains(&Self::All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_wire_are_those_of_the_code() {
        for scope in Scope::ALL {
            let json = serde_json::to_value(scope).unwrap();
            assert_eq!(json, scope.as_str());
            assert_eq!(Scope::from_name(scope.as_str()), Some(scope));
        }
        for scope in AdminScope::ALL {
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
        }
    }

    #[test]
    fn no_ordinary_scope_is_an_administrators() {
        for scope in AdminScope::ALL {
            assert!(serde_json::from_str::<Scope>(&format!("{:?}", scope.as_str())).is_err());
            assert!(scope.is_among(&[AdminScope::All]));
        }
        assert!(!AdminScope::All.is_among(&AdminScope::ALL[1..]));
    }
}
