//! What is known of the terminal.

use std::io::stdout;

/// Columns of the terminal that standard output is, if it is one.
pub(crate) fn columns_of_stdout() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stdout()).ok()?;
    // A terminal that does not know its size says 0.
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}
