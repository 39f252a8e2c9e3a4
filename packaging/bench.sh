#!/bin/sh
# Makes the environment that `make bench` part speech judges in: .setup/lab/venv with the packages of
# requirements-bench.lock (PESQ, STOI, stock aiortc), and the lab's media expanded beside it where there is a lab.
#
#   packaging/bench.sh [LAB]     LAB: the lab's folder; without it the environment alone
#
# LAB_HOME names an environment that is there already; nothing is installed into it. The last line on stdout is the
# folder. A second run ends within a second. Nothing here names a package index: pip and apt-get use their own.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
lock=$root/requirements-bench.lock
lab=${1:-}
home=${LAB_HOME:-$root/.setup/lab}

say() { printf 'bench: %s\n' "$*" >&2; }
fail() {
    for line in "$@"; do printf 'bench: %s\n' "$line" >&2; done
    exit 1
}

works() {
    "$home/venv/bin/python" -c '
import importlib.util, sys
sys.exit(not all(importlib.util.find_spec(name) for name in ("aiortc", "av", "numpy", "pesq", "pystoi", "skimage", "PIL", "scipy")))' 2>/dev/null
}

# Prints what pesq is compiled with and is not there, one Debian package a line.
missing_packages() {
    command -v gcc >/dev/null 2>&1 || printf 'gcc\nlibc6-dev\n'
    python3 -c '
import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || echo python3-dev
}

need_compiler() {
    missing=$(missing_packages | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        fail "to compile pesq, install with this machine's own tools what Debian calls: $missing"
    elif [ "$(id -u)" != 0 ]; then
        fail "to compile pesq, some packages are missing. Type this one line, then try again:" \
            "    sudo apt-get update && sudo apt-get install -y --no-install-recommends $missing"
    fi
    say "installing from Debian: $missing"
    mkdir -p "$home"
    # shellcheck disable=SC2086  # one word for each package
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } \
        >"$home/apt.log" 2>&1 </dev/null || fail "apt-get could not install it; its words: $home/apt.log"
}

pip_install() {
    "$home/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes "$@" >&2 ||
        fail "pip could not install the locked packages; its words are above." \
            "If the network is down, run this again when it is back."
}

setup_venv() {
    if [ -n "${LAB_HOME:-}" ]; then
        works || fail "LAB_HOME=$home has no venv with the packages of requirements-bench.lock (see docs/measuring.md)."
        return 0
    fi
    key=$(cat "$lock" "$0" | sha256sum | cut -c 1-64)
    if [ "$(cat "$home/stamp" 2>/dev/null)" = "$key $home" ] && works; then return 0; fi
    need_compiler
    say "making $home/venv (about 500 MB, once; some minutes on a thin line)"
    rm -rf "$home/venv" "$home/stamp"
    mkdir -p "$home"
    python3 -m venv "$home/venv" || fail "python3 cannot make a virtual environment: is python3-venv there?"
    # pesq is source alone: what it is built with comes first, from the same lock, and nothing else is fetched for it.
    awk '/^[a-z]/ { keep = /^(cython|numpy|setuptools)==/ } keep' "$lock" >"$home/first.lock"
    pip_install -r "$home/first.lock"
    pip_install --no-build-isolation -r "$lock"
    printf '%s' "$key $home" >"$home/stamp"
}

setup_media() {
    [ -n "$lab" ] && { [ ! -e "$home/media/talk.y4m" ] || [ ! -e "$home/media/speech.wav" ]; } || return 0
    say "expanding the lab's media into $home/media (435 MB)"
    "$home/venv/bin/python" -B "$lab/media/expand.py" "$home/media" >&2 || fail "the lab's media could not be expanded."
}

setup_venv
setup_media
printf '%s\n' "$home"
