//! Pages of an account's webhooks, and of the deliveries to one, newest first.

use serde::{Deserialize, Serialize};

use super::{Delivery, Webhook};
use crate::config::Settings;
use crate::error::EdgeError;
use crate::paging::{self, page_size};

/// A page of webhooks, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct WebhookList {
    /// The webhooks.
    pub data: Vec<Webhook>,
    /// For the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

/// A page of deliveries, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct DeliveryList {
    /// The deliveries.
    pub data: Vec<Delivery>,
    /// For the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

/// A webhook as its object lists it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WebhookRow {
    /// Its place among them.
    pub n: u64,
    /// Itself.
    #[serde(flatten)]
    pub webhook: Webhook,
}

/// A delivery as its object lists it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DeliveryRow {
    /// Its place among them.
    pub n: u64,
    /// Itself.
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// A place after the last: whole numbers of JavaScript go as far.
const END: u64 = (1 << 53) - 1;

/// What is asked for: one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    question: String,
    /// Only what stands before this place.
    pub before: u64,
    /// So many, and one more that says whether there is another page.
    pub limit: u32,
}

impl Listing {
    /// Reads the parameters. `webhook`: whose deliveries are asked for; none: the webhooks themselves.
    ///
    /// # Errors
    /// A parameter that is wrong.
    pub fn of(
        settings: &Settings,
        account: &str,
        webhook: Option<&str>,
        limit: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Self, EdgeError> {
        let question = format!("webhooks {account} {webhook:?}");
        let before = match cursor {
            None => END,
            Some(cursor) => {
                let place = paging::open(settings, &question, cursor)?;
                place.parse().unwrap_or_default()
            }
        };
        let limit = page_size(limit)? + 1;
        Ok(Self {
            question,
            before,
            limit,
        })
    }

    fn page<T>(
        &self,
        settings: &Settings,
        mut rows: Vec<T>,
        place: impl Fn(&T) -> u64,
    ) -> (Vec<T>, Option<String>) {
        let most = self.limit.saturating_sub(1) as usize;
        let more = rows.len() > most;
        rows.truncate(most);
        let last = rows.last().filter(|_| more);
        let cursor =
            last.map(|row| paging::seal(settings, &self.question, &place(row).to_string()));
        (rows, cursor)
    }

    /// The page of what the object gave.
    pub fn webhooks(&self, settings: &Settings, rows: Vec<WebhookRow>) -> WebhookList {
        let (rows, next_cursor) = self.page(settings, rows, |row| row.n);
        let data = rows.into_iter().map(|row| row.webhook).collect();
        WebhookList { data, next_cursor }
    }

    /// The page of what the object gave.
    pub fn deliveries(&self, settings: &Settings, rows: Vec<DeliveryRow>) -> DeliveryList {
        let (rows, next_cursor) = self.page(settings, rows, |row| row.n);
        let data = rows.into_iter().map(|row| row.delivery).collect();
        DeliveryList { data, next_cursor }
    }
}
