#!/usr/bin/env bash
# Kills a node with -9 in the middle of puts and imports, ROUNDS times (default 50), and checks
# after each: nothing acknowledged is lost, no import is half in, it starts again, roots agree.
set -euo pipefail
cd "$(dirname "$0")/.."
ROUNDS="${1:-${ROUNDS:-50}}" cargo test -q -p cli --test it -- --ignored --nocapture many_crashes
