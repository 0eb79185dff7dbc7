//! Runs keyctl as a user would, with nothing of this process's environment.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::server::{API_KEY, ROOT_KEY, Server};

/// keyctl in an empty directory of its own.
pub(crate) struct Program {
    pub(crate) directory: TempDir,
}

/// What it left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory }
    }

    /// The command without arguments, address and root key.
    pub(crate) fn bare(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyctl"));
        command
            .env_clear()
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    /// The command without arguments, with an address and both keys.
    pub(crate) fn at(&self, server: &Server) -> Command {
        let mut command = self.bare();
        command
            .env("EDGE_URL", server.url())
            .env("ADMIN_TOKEN", ROOT_KEY)
            .env("API_KEY", API_KEY);
        command
    }

    /// What a file in the directory holds; nothing where there is none.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.directory.path().join(name)).ok()
    }

    /// The names in the directory.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// Writes a file into the directory and gives its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> std::path::PathBuf {
        let path = self.directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or_else(|| Path::new("/"))).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// Runs keyctl against `server` with its root key and an API key.
pub(crate) fn keyctl(server: &Server, args: &[&str]) -> Ended {
    end(Program::new().at(server).args(args))
}

/// Runs a command of words in the directory of `program`, with both keys.
pub(crate) fn run(program: &Program, server: &Server, command: &str) -> Ended {
    end(program.at(server).args(command.split_whitespace()))
}

/// Runs a command to its end.
pub(crate) fn end(command: &mut Command) -> Ended {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    Ended {
        code: status.code().unwrap(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}
