//! Writes the generated files of the API's description to the folder that is named, `edge` as a rule:
//!
//!     cargo run -p edge-core --features openapi --example openapi -- edge

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: openapi FOLDER");
        return ExitCode::from(2);
    };
    for file in edge_core::openapi::files() {
        let path = folder.join(file.name);
        if let Err(error) = std::fs::write(&path, file.text) {
            eprintln!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
