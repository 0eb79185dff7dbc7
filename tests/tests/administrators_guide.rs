//! docs/administration.md is true: every command of its console blocks is run, in order, as an administrator would,
//! against a real edge and the real service, and what the page shows is what comes out.
//!
//! How the page is read:
//!
//! - In a block `console`, a line `$ …` is a command, and lines `> …` below it go on with it. The lines after it, up to
//!   the next command or the end of the block, are its output, of both streams as on a terminal.
//! - A command is run by bash and must end with 0. All run in one folder, which holds `speech.wav`, with keyctl in
//!   `PATH`, and `EDGE_URL` and `ADMIN_TOKEN` set.
//! - `key_7Qm…` is an abbreviation: a text of letters, digits, `_` and `-` that begins with `key_`. It is the same text
//!   wherever it stands, in later commands too, and no other abbreviation is that text.
//! - `…` alone is anything: in a table a cell, in a sentence a word.
//! - A day and a time may be any. A bar is as long as it likes, and so is a gap between two columns.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;

use e2e::edge::Edge;
use e2e::receiver::Receiver;
use e2e::service::Service;
use e2e::{environment, within};

const PAGE: &str = "docs/administration.md";
const ELLIPSIS: char = '…';

/// A command of the page, and what the page shows of its output.
#[derive(Debug)]
struct Step {
    /// Its line, from 1.
    line: usize,
    command: String,
    output: Vec<String>,
}

fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut console = false;
    // Nothing of a block belongs to a command of the block before.
    let mut under_way = false;
    for (at, line) in page.lines().enumerate() {
        let known = steps.last_mut().filter(|_| under_way);
        if line.starts_with("```") {
            console = line == "```console";
            under_way = false;
            continue;
        }
        if !console {
            continue;
        }
        if let Some(command) = line.strip_prefix("$ ") {
            under_way = true;
            steps.push(Step {
                line: at + 1,
                command: command.to_owned(),
                output: Vec::new(),
            });
        } else {
            let step = known.unwrap_or_else(|| panic!("{PAGE}:{}: no command yet", at + 1));
            match line.strip_prefix("> ") {
                Some(more) if step.output.is_empty() => {
                    step.command.push('\n');
                    step.command.push_str(more);
                }
                _ => step.output.push(line.to_owned()),
            }
        }
    }
    steps
}

/// Of letters that ids and keys are made of.
fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// `text` in what stands before its last name, and that name.
fn last_name(text: &str) -> (&str, &str) {
    let start = text.trim_end_matches(is_name).len();
    text.split_at(start)
}

/// What an abbreviation begins with in every run: `wk_live_` of `wk_live_4fQz`.
fn kind(name: &str) -> &str {
    &name[..name.rfind('_').map_or(0, |at| at + 1)]
}

/// What the abbreviations of the page stand for in this run.
#[derive(Debug, Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    /// A command with its abbreviations written out.
    fn write_out(&self, command: &str) -> Result<String, String> {
        let mut parts = command.split(ELLIPSIS);
        let mut whole = String::new();
        let mut part = parts.next().unwrap_or_default();
        for next in parts {
            let (before, name) = last_name(part);
            let text = self.0.get(name);
            whole.push_str(before);
            whole.push_str(text.ok_or_else(|| format!("nothing has shown {name}… yet"))?);
            part = next;
        }
        Ok(whole + part)
    }

    /// Whether `text` is what an abbreviation stands for; `cut`: the program itself abbreviates it.
    fn stands_for(&mut self, name: &str, text: &str, cut: bool) -> bool {
        if name.is_empty() {
            return true;
        }
        match self.0.get(name) {
            Some(known) if cut => known.starts_with(text),
            Some(known) => known == text,
            // Of what was never shown whole only its kind is known.
            None if cut => !kind(name).is_empty() && text.starts_with(kind(name)),
            None => {
                let new = text.starts_with(kind(name))
                    && text.len() > name.len()
                    && self.0.values().all(|known| known != text);
                if new {
                    self.0.insert(name.to_owned(), text.to_owned());
                }
                new
            }
        }
    }

    fn word(&mut self, shown: &str, real: &str) -> bool {
        if shown == "…" || shown == real {
            return true;
        }
        let Some((before, shown)) = shown.split_once(ELLIPSIS) else {
            return shape(shown) == shape(real);
        };
        let (literal, name) = last_name(before);
        let Some(real) = real.strip_prefix(literal) else {
            return false;
        };
        let (text, real) = real.split_at(real.find(|c| !is_name(c)).unwrap_or(real.len()));
        let cut = real.strip_prefix(ELLIPSIS);
        self.stands_for(name, text, cut.is_some()) && self.word(shown, cut.unwrap_or(real))
    }

    fn cell(&mut self, shown: &str, real: &str) -> bool {
        let (words, real) = (shown.split(' '), real.split(' '));
        shown == "…"
            || (words.clone().count() == real.clone().count()
                && words.zip(real).all(|(shown, real)| self.word(shown, real)))
    }

    fn line(&mut self, shown: &str, real: &str) -> bool {
        let (shown, real) = (cells(shown), cells(real));
        shown.len() == real.len()
            && shown
                .iter()
                .zip(&real)
                .all(|(shown, real)| self.cell(shown, real))
    }

    /// What differs, as a diff; `None` where nothing does.
    fn difference(&mut self, shown: &[String], real: &[String]) -> Option<String> {
        let mut diff = String::new();
        let mut same = true;
        for at in 0..shown.len().max(real.len()) {
            match (shown.get(at), real.get(at)) {
                (Some(shown), Some(real)) if self.line(shown, real) => {
                    let _ = writeln!(diff, "  {real}");
                }
                (shown, real) => {
                    same = false;
                    for (mark, line) in [('-', shown), ('+', real)] {
                        if let Some(line) = line {
                            let _ = writeln!(diff, "{mark} {line}");
                        }
                    }
                }
            }
        }
        (!same).then_some(diff)
    }
}

/// The cells of a line of a table; a sentence is one cell.
fn cells(line: &str) -> Vec<&str> {
    let cells = line.split("  ").map(str::trim);
    cells.filter(|cell| !cell.is_empty()).collect()
}

/// A word without what the clock and the width of a drawing make of it.
fn shape(word: &str) -> String {
    let bare = word.trim_end_matches([',', ';']);
    let digits = |c: char| if c.is_ascii_digit() { '0' } else { c };
    let shaped: String = bare.chars().map(digits).collect();
    if ["0000-00-00", "00:00", "00:00:00"].contains(&shaped.as_str()) {
        return word.chars().map(digits).collect();
    }
    if word.chars().all(|c| c == '#' || c == '.') {
        let mut bar: Vec<char> = word.chars().collect();
        bar.dedup();
        return bar.into_iter().collect();
    }
    word.to_owned()
}

/// A line of a drawing of usage that is about one day.
fn is_of_a_day(line: &str) -> bool {
    let first = line.split("  ").next().unwrap_or_default();
    shape(first) == "0000-00-00"
}

fn today() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_secs() / 86_400
}

async fn run(command: &str, folder: &Path, edge: &Edge) -> Output {
    let path = std::env::var("PATH").unwrap();
    let output = tokio::process::Command::new("bash")
        .args(["-o", "pipefail", "-c"])
        .arg(format!("exec 2>&1\n{command}"))
        .env("PATH", format!("{}:{path}", folder.join("bin").display()))
        .env("EDGE_URL", edge.url())
        .env("ADMIN_TOKEN", edge.root_key())
        .env("NO_PROXY", "127.0.0.1")
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    within(command, output).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_administrators_guide_shows_what_its_commands_do() {
    let page = std::fs::read_to_string(environment::repository().join(PAGE)).unwrap();
    let steps = steps(&page);
    assert!(steps.len() >= 30, "the page has lost its commands");

    let service = Service::start().await;
    // It knows where names lead.
    let receiver = Receiver::start().await;
    let edge = Edge::builder()
        .service(&service)
        .setting("IMPORTED_KEY_PREFIXES", "sk-")
        .setting("FETCH_URLS", "public")
        .setting("RESOLVER_URL", &receiver.resolver())
        .start()
        .await;
    let folder = tempfile::tempdir().unwrap();
    let (bin, speech) = (folder.path().join("bin"), folder.path().join("speech.wav"));
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(environment::keyctl_program(), bin.join("keyctl")).unwrap();
    let fixture = environment::repository().join("tests/fixtures/speech.wav");
    std::fs::copy(fixture, speech).unwrap();

    let mut names = Names::default();
    let first_day = today();
    // All are told of at once: a page is mended in one go.
    let mut differences = String::new();
    for Step {
        line,
        command,
        mut output,
    } in steps
    {
        let whole = names.write_out(&command);
        let whole = whole.unwrap_or_else(|why| panic!("{differences}{PAGE}:{line}: {why}"));
        let ended = run(&whole, folder.path(), &edge).await;
        let text = String::from_utf8(ended.stdout).unwrap();
        let mut real: Vec<String> = text.lines().map(|l| l.trim_end().to_owned()).collect();
        while output.last().is_some_and(String::is_empty) {
            output.pop();
        }
        if today() != first_day {
            // What was used stands in two days then.
            output.retain(|line| !is_of_a_day(line));
            real.retain(|line| !is_of_a_day(line));
        }
        let status = ended.status;
        assert!(
            status.success(),
            "{differences}{PAGE}:{line}: {status}\n$ {command}\n{text}"
        );
        if let Some(diff) = names.difference(&output, &real) {
            let _ = writeln!(
                differences,
                "{PAGE}:{line} shows `-`, the program says `+`:\n$ {command}\n{diff}"
            );
        }
        for text in names.0.values().filter(|text| text.starts_with("wk_")) {
            edge.keep_secret(text);
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// Whether a page that shows `shown` is true where the program says `real`.
fn same(names: &mut Names, shown: &str, real: &str) -> bool {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    names.difference(&lines(shown), &lines(real)).is_none()
}

#[test]
fn a_page_that_differs_from_the_program_is_found() {
    for (shown, real) in [
        ("a", "b"),
        ("a", ""),
        ("", "a"),
        ("a\nb", "a"),
        ("a", "a\nb"),
        ("ID  NAME", "ID"),
        ("left  998", "left  997"),
        ("key_7Qm…", "root_7QmABCDEF"),
        ("key_7Qm…", "key_7Q"),
        ("key_7Qm…, x", "key_7QmABCDEF, y"),
        ("key_7Qm…  key_7Qm…", "key_AAAAAAAA  key_BBBBBBBB"),
        ("key_7Qm…  key_Abc…", "key_AAAAAAAA  key_AAAAAAAA"),
        (
            "wk_live_4fQz…\nwk_live_4fQz…",
            "wk_live_ABCDEFGH\nwk_live_ABCE…",
        ),
        ("sk-4fQz…", "sk-4fQa…"),
        ("Try again in … s.", "Try again in 5 min."),
        ("2026-11-23 05:43", "never"),
        ("###..", "###"),
    ] {
        assert!(
            !same(&mut Names::default(), shown, real),
            "{shown:?} {real:?}"
        );
    }
}

#[test]
fn a_page_is_true_whatever_ids_times_and_widths_a_run_has() {
    let mut names = Names::default();
    for (shown, real) in [
        ("", ""),
        (
            "wk_live_4fQz…\nkey  wk_live_4fQz…",
            "wk_live_ABCDEFGH\nkey  wk_live_ABCD…",
        ),
        (
            r#"{"id":"key_7Qm…","n":1}"#,
            r#"{"id":"key_ABCDEFGH","n":1}"#,
        ),
        ("P50  …  …", "P50     12 ms  1.4 s"),
        ("Try again in … s.", "Try again in 61 s."),
        (
            "2026-11-23 05:43:14 UTC, by day",
            "2027-01-02 03:04:05 UTC, by day",
        ),
        ("##...   3", "#######.        3"),
    ] {
        assert!(same(&mut names, shown, real), "{shown:?} {real:?}");
    }
    let written = names.write_out("keyctl show key_7Qm… && curl -H 'Bearer wk_live_4fQz…'");
    let wanted = "keyctl show key_ABCDEFGH && curl -H 'Bearer wk_live_ABCDEFGH'";
    assert_eq!(written.as_deref(), Ok(wanted));
    assert!(names.write_out("keyctl show key_nobody…").is_err());
}

#[test]
fn commands_and_their_outputs_are_told_apart() {
    let page =
        "$ no\n```sh\n$ no\n```\n```console\n$ cat <<END\n> a\n> END\na\n> b\n$ true\n```\ntext\n";
    let steps = steps(page);
    assert_eq!(steps.len(), 2);
    assert_eq!(
        (steps[0].line, steps[0].command.as_str()),
        (6, "cat <<END\na\nEND")
    );
    assert_eq!(steps[0].output, ["a", "> b"]);
    assert_eq!(
        (steps[1].command.as_str(), steps[1].output.len()),
        ("true", 0)
    );
}
