//! Paths and queries of the admin API. What an administrator gives stays one segment, or one value.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::Error;

/// What stands unencoded in a path segment and a query value: "unreserved" of RFC 3986.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A path with its query, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiPath(String);

impl ApiPath {
    /// A route of the API.
    pub(crate) fn of(route: &'static str) -> Self {
        Self(route.to_owned())
    }

    /// What is under it by this id. An id is one segment whatever it holds; `.` and `..` would be taken
    /// for steps through the tree even when encoded (WHATWG URL, "double-dot path segment"), so they are
    /// no ids.
    pub(crate) fn under(self, id: &str) -> Result<Self, Error> {
        if id.is_empty() || id == "." || id == ".." {
            return Err(Error::Usage(format!("{id:?} is no id or name")));
        }
        Ok(Self(format!("{}/{}", self.0, encoded(id))))
    }

    /// A fixed part of the route below it.
    pub(crate) fn then(self, part: &'static str) -> Self {
        Self(format!("{}/{part}", self.0))
    }

    /// With the parameters that have a value.
    pub(crate) fn query(self, parameters: &[(&'static str, Option<&str>)]) -> Self {
        let pairs: Vec<String> = parameters
            .iter()
            .filter_map(|(name, value)| value.map(|value| format!("{name}={}", encoded(value))))
            .collect();
        if pairs.is_empty() {
            self
        } else {
            Self(format!("{}?{}", self.0, pairs.join("&")))
        }
    }
}

impl fmt::Display for ApiPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_one_segment_of_the_path() {
        let path = |id| ApiPath::of("/admin/keys").under(id);
        for (id, shown) in [
            ("key_0aZ", "/admin/keys/key_0aZ"),
            ("../audit", "/admin/keys/..%2Faudit"),
            ("a?b=c#d", "/admin/keys/a%3Fb%3Dc%23d"),
            ("a b\r\n%2e", "/admin/keys/a%20b%0D%0A%252e"),
            ("ü", "/admin/keys/%C3%BC"),
        ] {
            assert_eq!(path(id).unwrap().to_string(), shown);
        }
        for id in ["", ".", ".."] {
            assert!(matches!(path(id), Err(Error::Usage(_))), "{id:?}");
        }
    }

    #[test]
    fn a_value_stays_one_value_of_the_query() {
        let path = ApiPath::of("/admin/audit").query(&[
            ("actor", None),
            ("owner", Some("a&b=c|d")),
            ("limit", Some("5")),
        ]);
        assert_eq!(path.to_string(), "/admin/audit?owner=a%26b%3Dc%7Cd&limit=5");
        let bare = ApiPath::of("/admin/plans").query(&[("owner", None)]);
        assert_eq!(bare.to_string(), "/admin/plans");
    }

    #[test]
    fn parts_of_a_route_follow_the_id() {
        let path = ApiPath::of("/admin/keys").under("a/b").unwrap();
        assert_eq!(path.then("rotate").to_string(), "/admin/keys/a%2Fb/rotate");
    }
}
