//! Requests whose key's object is being asked: what memory keeps of each meanwhile, so that its parts and its key
//! are not read a second time. A ring of a fixed size: a request whose caller left leaves nothing behind but a
//! place that another takes, and one that finds its place taken is read anew.

const PLACES: usize = 128;

/// The ring.
pub struct OnTheWay<T> {
    last: u32,
    places: Vec<Option<(u32, T)>>,
}

impl<T> Default for OnTheWay<T> {
    fn default() -> Self {
        Self {
            last: 0,
            places: (0..PLACES).map(|_| None).collect(),
        }
    }
}

impl<T> OnTheWay<T> {
    /// Keeps what is known of a request; its ticket, which is never 0 and comes again after four billion others.
    pub fn keep(&mut self, known: T) -> u32 {
        self.last = self.last.checked_add(1).unwrap_or(1);
        let ticket = self.last;
        *self.place(ticket) = Some((ticket, known));
        ticket
    }

    /// What was kept under this ticket, if its place was not taken. Once.
    pub fn take(&mut self, ticket: u32) -> Option<T> {
        let kept = self.place(ticket).take_if(|(kept, _)| *kept == ticket);
        kept.map(|(_, known)| known)
    }

    fn place(&mut self, ticket: u32) -> &mut Option<(u32, T)> {
        &mut self.places[ticket as usize % PLACES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_taken_once_and_only_by_its_ticket() {
        let mut ring = OnTheWay::default();
        let (a, b) = (ring.keep('a'), ring.keep('b'));
        assert_eq!((ring.take(b), ring.take(b)), (Some('b'), None));
        assert_eq!(ring.take(0), None);
        assert_eq!((ring.take(a), ring.take(a)), (Some('a'), None));
    }

    #[test]
    fn a_place_that_another_took_gives_nothing_and_takes_nothing_away() {
        let mut ring = OnTheWay::default();
        let first = ring.keep(0);
        let tickets: Vec<u32> = (1..=PLACES).map(|n| ring.keep(n)).collect();
        assert_eq!(ring.take(first), None);
        for (n, ticket) in (1..=PLACES).zip(tickets) {
            assert_eq!(ring.take(ticket), Some(n));
        }
    }

    #[test]
    fn tickets_start_again_at_one() {
        let mut ring = OnTheWay {
            last: u32::MAX,
            ..OnTheWay::default()
        };
        let ticket = ring.keep(());
        assert_eq!((ticket, ring.take(ticket)), (1, Some(())));
    }
}
