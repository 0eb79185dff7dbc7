//! How far things are, on standard error: a bar each on a terminal, a line now and then elsewhere.

use std::cell::Cell;
use std::io::{IsTerminal as _, stderr};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::figures::bytes;
use crate::job_wire::{JobState, JobView};
use crate::note;
use crate::table::{printable, shortened};

/// Columns of a name before its bar.
const NAME_COLUMNS: usize = 24;
/// Lines are written where so many more hundredths are done.
const STEP_PERCENT: u64 = 25;
/// What is worth a line while it is sent.
const LARGE_BYTES: u64 = 4 * 1024 * 1024;

/// Where it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Display {
    bars: MultiProgress,
    /// Whether standard error is a terminal.
    drawn: bool,
}

impl Display {
    pub(crate) fn new() -> Self {
        Self {
            bars: MultiProgress::new(),
            drawn: stderr().is_terminal(),
        }
    }

    /// A remark above the bars.
    pub(crate) fn say(&self, text: &str) {
        self.aside(|| note(text));
    }

    /// Does something that writes to the terminal, without the bars.
    pub(crate) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bars.suspend(write)
    }

    /// Takes the bars away.
    pub(crate) fn clear(&self) {
        // What cannot be taken away stays: no harm.
        let _ = self.bars.clear();
    }

    /// Of one file, or one job.
    pub(crate) fn of(&self, name: &str) -> Progress {
        let bar = if self.drawn {
            self.bars.add(ProgressBar::no_length())
        } else {
            ProgressBar::hidden()
        };
        bar.set_prefix(shortened(name, NAME_COLUMNS));
        Progress {
            display: self.clone(),
            name: printable(name),
            bar,
            told: Cell::new(0),
        }
    }
}

/// How far one thing is; its bar goes with it.
pub(crate) struct Progress {
    display: Display,
    name: String,
    bar: ProgressBar,
    /// What a line has told, in hundredths.
    told: Cell<u64>,
}

impl Progress {
    /// A remark on it.
    pub(crate) fn say(&self, text: &str) {
        self.display.say(&format!("{}: {text}", self.name));
    }

    /// So many bytes are to be sent, from the beginning.
    pub(crate) fn sending(&self, all: u64) {
        self.bar.disable_steady_tick();
        self.style(
            "{prefix:24} {bar:32} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
        );
        self.bar.set_length(all);
        self.bar.set_position(0);
        if all >= LARGE_BYTES {
            self.line(&format!("sending {}", bytes(all)));
        }
    }

    /// So many more bytes are sent.
    pub(crate) fn sent(&self, more: u64) {
        self.bar.inc(more);
    }

    /// So many bytes are sent and stay so, whatever was said before.
    pub(crate) fn sent_in_all(&self, count: u64) {
        self.bar.set_position(count);
    }

    /// Nothing more is to be sent; the other side works.
    pub(crate) fn waiting(&self) {
        self.style("{prefix:24} {spinner} {elapsed} transcribing");
        self.bar
            .enable_steady_tick(std::time::Duration::from_millis(120));
    }

    /// How its job stands.
    pub(crate) fn job(&self, job: &JobView) {
        let percent = job.percent();
        self.bar.disable_steady_tick();
        self.style("{prefix:24} {bar:32} {pos} % {msg}");
        self.bar.set_length(100);
        self.bar.set_position(percent);
        self.bar.set_message(job.state.as_str());
        if job.state == JobState::Running && percent >= self.told.get() + STEP_PERCENT {
            self.told.set(percent);
            self.line(&format!("{percent} %"));
        }
    }

    /// What a terminal shows by its bar.
    fn line(&self, text: &str) {
        if !self.display.drawn {
            self.say(text);
        }
    }

    fn style(&self, template: &str) {
        // Ours are good; another one would leave the bar as it is.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.display.bars.remove(&self.bar);
    }
}
