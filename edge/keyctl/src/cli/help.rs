//! `keyctl --help`: all that a new administrator needs, commands by what they are for.

use std::fmt::Write as _;

use clap::Command;

/// The commands by what they are for, in the order of the help.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Transcription", &["transcribe", "jobs", "webhooks"]),
    (
        "Keys",
        &[
            "create", "list", "show", "update", "enable", "disable", "rotate", "credits", "revoke",
        ],
    ),
    ("Many keys", &["create-many", "import", "bulk"]),
    ("Plans and owners", &["plan", "owner", "purge-owner"]),
    ("Reports", &["usage", "audit", "hosts", "verify"]),
    ("Root keys", &["root-keys", "root-key"]),
];

const EXAMPLES: &str = "\
Examples:
  keyctl transcribe talk.flac --format srt
  keyctl transcribe *.mp3 --output-dir texts --parallel 4 --hotwords Zanzibar
  keyctl transcribe lecture.m4a --job
  keyctl jobs watch job_…
  keyctl jobs list --state failed
  keyctl webhooks create --url https://hooks.example/whisper --event job.succeeded
  keyctl create --name ci --limit minute=100/1m --limit day=1000/day
  keyctl create --name app --owner acme --plan pro --expires-in 90d --allow-ip 192.0.2.0/24
  keyctl create --name trial --credits 1000+1000/month --scope transcribe
  keyctl list --owner acme --enabled --all
  keyctl update key_… --limit parallel=4@once --no-expiry
  keyctl rotate key_… --overlap 24h
  keyctl credits key_… --add 500
  keyctl create-many wishes.jsonl --keys-out keys.jsonl
  keyctl import --hash 9f86d081… --start sk-4fQz --name old-app --plan pro
  keyctl bulk wishes.jsonl --out entries.json --keys-out keys.jsonl
  keyctl plan put pro --limit minute=600/1m --limit audio=100h-audio/month
  keyctl owner limits acme --limit day=10000/day
  keyctl usage --owner acme --from 7d --by day
  keyctl audit --action key.revoke --from 24h
  keyctl verify - --scope transcribe < key.txt
  keyctl root-keys create --name dashboard --scope admin:usage --scope admin:audit";

const LIMITS: &str = "\
Limits, as --limit takes them (repeat it for several; names are yours, 1 to 32 of a-z 0-9 _ -):
  minute=100/1m             a rate: 100 requests in any minute (windows in s, m, h, d, w)
  day=1000/day              a quota: 1000 requests each calendar day (day, week, month; UTC)
  audio=10h-audio/month     the same of audio instead of requests: 10 hours of it each month
  burst=300s-audio/1m       300 seconds of audio in any minute
  parallel=4@once           4 requests at the same time
Credits, as --credits takes them: 1000, or with a refill 1000+500/month (day, week, month).
Times: RFC 3339 (2027-01-31T00:00:00Z) or unix seconds; --from and --to also 24h or 7d, so long ago.";

/// How to reach the edge; under every command that does.
pub(super) const CONNECTING: &str = "\
The address comes from --url or EDGE_URL, the root key from the environment variable ADMIN_TOKEN or \
from --token-file. There is no flag for the root key: every user of a machine can read the arguments \
of every process, and shells keep them in their history.

Where no address is given and the working directory holds `.dev/env` (`make run` writes it), the \
address and the root key of the local run are taken from there.

Exit codes: 0 done; 1 the API refused (its code, message and request id are printed); 2 wrong use; 3 \
the edge or wrangler could not be reached or understood.";

/// The same for the commands that a caller uses.
const CALLING: &str = "\
The address comes from --url or EDGE_URL (in `webhooks create` and `webhooks update`, where --url is the \
receiver's, from --edge-url or EDGE_URL), the API key from the environment variable API_KEY or from --api-key. Every \
user of a machine can read the arguments of every process: the variable is the better place.

Where no address is given and the working directory holds `.dev/env` (`make run` writes it), the \
address and the API key of the local run are taken from there.

Exit codes: 0 done; 1 the API refused, or a file or job failed; 2 wrong use; 3 the edge could not be reached or \
understood; 130 interrupted.";

const TRANSCRIBING: &str = "\
Examples:
  keyctl transcribe talk.flac                         writes talk.txt
  keyctl transcribe *.mp3 --format srt --output-dir subtitles
  keyctl transcribe talk.flac --stdout | less
  keyctl transcribe talk.flac --store                 writes talk.txt, and prints tr_…  talk.txt
  keyctl transcribe lecture.m4a --job                 prints job_…, and returns
  keyctl transcribe lecture.m4a --job --watch --format vtt";

const WEBHOOKS: &str = "\
Examples:
  keyctl webhooks create --url https://hooks.example/whisper --secret-out secret.txt
  keyctl webhooks update wh_… --event job.failed --event job.cancelled
  keyctl webhooks rotate wh_… --overlap 1d
  keyctl webhooks test wh_…
  keyctl webhooks deliveries wh_… --limit 5";

const JOBS: &str = "\
Examples:
  keyctl jobs list --state running
  keyctl jobs watch job_…
  keyctl jobs cancel job_…
  keyctl jobs dead --owner acme
  keyctl jobs retry job_…";

/// The command with its help in groups, and what every command's help ends with.
pub(crate) fn grouped(command: Command) -> Command {
    let mut template = String::from("{about-with-newline}\n{usage-heading} {usage}\n");
    for (group, names) in GROUPS {
        // Writing to a `String` cannot fail.
        let _ = writeln!(template, "\n{group}:");
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(template, "  {name:<12} {about}");
        }
    }
    template.push_str("\nOptions:\n{options}{after-help}");
    let all: Vec<String> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    let command = command
        .help_template(template)
        .after_help(format!(
            "{EXAMPLES}\n\n{LIMITS}\n\n{CONNECTING}\n\n`keyctl help COMMAND` explains one command with all its flags."
        ));
    all.into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, ended))
}

/// A command that speaks with the edge says how, and so do the commands under it.
fn ended(command: Command) -> Command {
    let below: Vec<String> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    let has = |id: &str| command.get_arguments().any(|arg| arg.get_id() == id);
    let examples = match command.get_name() {
        "transcribe" => Some(TRANSCRIBING),
        "jobs" => Some(JOBS),
        "webhooks" => Some(WEBHOOKS),
        _ => None,
    };
    let command = if has("api_key") {
        let text = examples.map_or_else(
            || CALLING.to_owned(),
            |examples| format!("{examples}\n\n{CALLING}"),
        );
        command.after_help(text)
    } else if let Some(examples) = examples {
        command.after_help(examples)
    } else if has("url") {
        let text = if has("limits") {
            format!("{LIMITS}\n\n{CONNECTING}")
        } else {
            CONNECTING.to_owned()
        };
        command.after_help(text)
    } else {
        command
    };
    below
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, ended))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_command_stands_in_one_group_of_the_help() {
        let command = Cli::command();
        let known: BTreeSet<&str> = command.get_subcommands().map(Command::get_name).collect();
        let grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| names.to_vec())
            .collect();
        assert_eq!(grouped.len(), known.len());
        assert_eq!(grouped.into_iter().collect::<BTreeSet<_>>(), known);
    }

    #[test]
    fn the_list_of_commands_fits_a_terminal_of_80_columns() {
        for command in Cli::command().get_subcommands() {
            let about = command.get_about().map(ToString::to_string);
            let columns = 15 + about.unwrap_or_default().chars().count();
            assert!(columns <= 80, "{}", command.get_name());
        }
    }

    #[test]
    fn the_examples_of_the_help_are_commands_that_it_takes() {
        let examples = EXAMPLES.lines().skip(1);
        for example in examples {
            let words = example.split('<').next().unwrap_or_default();
            let parsed = Cli::try_parse_from(words.split_whitespace());
            assert!(parsed.is_ok(), "{example}: {parsed:?}");
        }
    }

    #[test]
    fn the_examples_of_a_commands_help_are_commands_that_it_takes() {
        for example in [TRANSCRIBING, JOBS, WEBHOOKS].map(|text| text.lines().skip(1)) {
            for line in example {
                let words = line.trim().split("   ").next().unwrap_or_default();
                let words = words.split('|').next().unwrap_or_default();
                let parsed = Cli::try_parse_from(words.split_whitespace());
                assert!(parsed.is_ok(), "{line}: {parsed:?}");
            }
        }
    }

    #[test]
    fn the_limits_of_the_help_are_limits() {
        let lines = LIMITS.lines().skip(1).take(5);
        for line in lines {
            let spec = line.split_whitespace().next().unwrap_or_default();
            assert!(crate::limit_spec::parse_limit(spec).is_ok(), "{line}");
        }
    }

    #[test]
    fn the_help_names_groups_examples_and_where_the_root_key_comes_from() {
        let help = super::grouped(Cli::command())
            .render_long_help()
            .to_string();
        for part in [
            "Many keys:\n",
            "  create-many",
            "Examples:\n",
            "ADMIN_TOKEN",
            "parallel=4@once",
            "Exit codes",
        ] {
            assert!(help.contains(part), "{part}\n{help}");
        }
    }
}
