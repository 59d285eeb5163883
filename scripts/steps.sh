# Shared by ./run and ./test: steps with their times, and the tools a build needs. Sourced, never run.

started_at=$SECONDS

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# step NAME COMMAND…: says what begins, runs it, says how long it took. Ends the script if it fails.
step() {
  local name=$1 began=$SECONDS
  shift
  printf '\n==> %s\n' "$name"
  if "$@"; then
    printf '    %s: done in %s\n' "$name" "$(duration $((SECONDS - began)))"
  else
    local code=$?
    printf '\nFAILED: %s (exit code %s, after %s)\n' "$name" "$code" "$(duration $((SECONDS - began)))" >&2
    exit "$code"
  fi
}

duration() {
  if [ "$1" -lt 60 ]; then printf '%d s' "$1"; else printf '%d min %d s' $(($1 / 60)) $(($1 % 60)); fi
}

# install_packages REASON PACKAGE…: installs Debian packages as root, or prints the line to run.
install_packages() {
  local reason=$1
  shift
  local line="apt-get install -y --no-install-recommends $*"
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    printf '    installing for %s: %s\n' "$reason" "$*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y --no-install-recommends "$@" </dev/null >/dev/null 2>&1 && return
    # A fresh machine may have no package lists yet, or old ones.
    apt-get update -q </dev/null >/dev/null || fail "apt-get update does not work; it is needed to install: $*"
    # Never with recommended packages: they may upgrade half of the system.
    apt-get install -y --no-install-recommends "$@" </dev/null >/dev/null || fail "cannot install: $line"
  elif command -v apt-get >/dev/null; then
    fail "missing for $reason. Run this and start again:
    sudo $line"
  else
    fail "missing for $reason (names of Debian packages): $*"
  fi
}

# Rust with the wasm target, and a C compiler for each side (SQLite and zstd are C).
check_build_tools() {
  command -v cargo >/dev/null || fail "Rust is not installed. See https://rustup.rs, then start again"

  local missing=()
  command -v cc >/dev/null || missing+=(gcc libc6-dev)
  command -v clang >/dev/null || missing+=(clang)
  command -v pkg-config >/dev/null || missing+=(pkg-config)
  command -v wasm-opt >/dev/null || missing+=(binaryen)
  if [ "${#missing[@]}" -gt 0 ]; then
    install_packages "building (C parts; smaller wasm)" "${missing[@]}"
  fi

  if command -v rustup >/dev/null; then
    # The compiler is named in rust-toolchain.toml; not every rustup fetches it by itself.
    local channel
    channel=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' rust-toolchain.toml)
    rustc --version >/dev/null 2>&1 ||
      rustup toolchain install "$channel" --profile minimal --component rustfmt --component clippy
  fi
  if ! has_wasm_target; then
    command -v rustup >/dev/null || fail "this Rust has no wasm32-unknown-unknown target and there is no rustup to add it"
    rustup target add wasm32-unknown-unknown
  fi
  printf '    %s, %s\n' "$(rustc --version)" "$(clang --version | head -n 1)"
}

has_wasm_target() {
  local library
  library=$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null) && [ -d "$library" ]
}
