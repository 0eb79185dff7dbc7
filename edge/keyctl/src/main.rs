//! Command line for administrators of API keys

fn main() {}
