//! A process that ends with its owner, and everything it wrote.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::pin::pin;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::within;

/// Lines of a log that a failed test shows.
const TAIL: usize = 40;

/// What processes wrote, over all their lives.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Kept>);

#[derive(Debug, Default)]
struct Kept {
    text: Mutex<String>,
    grown: Notify,
}

impl Log {
    /// All of it so far.
    pub fn text(&self) -> String {
        let text = self.0.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.clone()
    }

    /// Its last lines, for whoever looks into a failure.
    pub(crate) fn tail(&self) -> String {
        let text = self.text();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    fn push(&self, line: &str) {
        let mut text = self.0.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(line);
        text.push('\n');
        self.0.grown.notify_waiters();
    }

    /// Waits until it holds `text`.
    pub(crate) async fn until_holds(&self, text: &str) {
        loop {
            // Before the look: what comes in between is noticed.
            let mut grown = pin!(self.0.grown.notified());
            grown.as_mut().enable();
            if self.text().contains(text) {
                return;
            }
            grown.await;
        }
    }
}

/// A running process, the leader of its own group. The group is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    stdin: ChildStdin,
    stdout: UnboundedReceiver<String>,
    log: Log,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts it. What it writes to stderr goes to `log`; stdout is for [`Process::line`].
    pub fn start(name: &'static str, command: &mut Command, log: &Log) -> Self {
        let mut child = command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let (Some(stdin), Some(out), Some(err)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            panic!("{name} has no pipes");
        };
        let (to_test, stdout) = unbounded_channel();
        let kept = log.clone();
        let readers = vec![
            std::thread::spawn(move || {
                for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
                    // The test may have ended; the pipe is read on so that nobody blocks.
                    let _ = to_test.send(String::from_utf8_lossy(&line).into_owned());
                }
            }),
            std::thread::spawn(move || {
                for line in BufReader::new(err).split(b'\n').map_while(Result::ok) {
                    kept.push(&String::from_utf8_lossy(&line));
                }
            }),
        ];
        Self {
            name,
            child,
            stdin,
            stdout,
            log: log.clone(),
            readers,
        }
    }

    /// The next line of its stdout.
    pub async fn line(&mut self) -> String {
        within(self.name, self.stdout.recv())
            .await
            .unwrap_or_else(|| panic!("{} ended:\n{}", self.name, self.log.tail()))
    }

    /// Writes a line to its stdin.
    pub fn tell(&mut self, line: &str) {
        let written = writeln!(self.stdin, "{line}").and_then(|()| self.stdin.flush());
        written.unwrap_or_else(|error| panic!("{}: {error}:\n{}", self.name, self.log.tail()));
    }

    /// Asks the process itself to end (SIGTERM).
    pub fn terminate(&self) {
        if let Some(process) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let sent = kill_process(process, Signal::TERM);
            sent.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        }
    }

    /// Waits until it has ended: until its stdout is closed. It must not have said anything there.
    pub async fn ended(&mut self) {
        let line = within(self.name, self.stdout.recv()).await;
        assert_eq!(line, None, "{} speaks", self.name);
    }

    /// Kills the whole group, at once and without a chance to put things in order (SIGKILL).
    pub fn kill(&mut self) {
        // It is not yet waited for, so its id still means this group. Nobody left in it is no error.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
        // With the last of the group its pipes are closed.
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
