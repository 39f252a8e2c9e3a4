#!/bin/sh
# Makes a checkout ready to run: system libraries and `.venv` with the locked packages.
#
#   packaging/setup.sh          both, what the Makefile uses
#   packaging/setup.sh system   only the system's libraries and programs
#   packaging/setup.sh venv     only the virtual environment
#   packaging/setup.sh node     only the npm packages of some tests
#
# A second run finds everything in place and ends within a second. Nothing here names a package index: pip and
# apt-get use the ones this machine is set up with.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
lock=$root/requirements-dev.lock
venv=$root/.venv
state=$root/.setup
PATH=$PATH:/usr/sbin:/sbin

say() { printf 'setup: %s\n' "$*"; }
fail() {
    for line in "$@"; do printf 'setup: %s\n' "$line" >&2; done
    exit 1
}

# What Qt's xcb, offscreen and EGL parts, PortAudio and the demo need: the file looked for, and Debian's package of it.
libraries='
libEGL.so.1             libegl1
libGL.so.1              libgl1
libX11.so.6             libx11-6
libX11-xcb.so.1         libx11-xcb1
libxcb.so.1             libxcb1
libxcb-cursor.so.0      libxcb-cursor0
libxcb-icccm.so.4       libxcb-icccm4
libxcb-image.so.0       libxcb-image0
libxcb-keysyms.so.1     libxcb-keysyms1
libxcb-randr.so.0       libxcb-randr0
libxcb-render.so.0      libxcb-render0
libxcb-render-util.so.0 libxcb-render-util0
libxcb-shape.so.0       libxcb-shape0
libxcb-shm.so.0         libxcb-shm0
libxcb-sync.so.1        libxcb-sync1
libxcb-util.so.1        libxcb-util1
libxcb-xfixes.so.0      libxcb-xfixes0
libxcb-xkb.so.1         libxcb-xkb1
libxkbcommon.so.0       libxkbcommon0
libxkbcommon-x11.so.0   libxkbcommon-x11-0
libdbus-1.so.3          libdbus-1-3
libfontconfig.so.1      libfontconfig1
libfreetype.so.6        libfreetype6
libglib-2.0.so.0        libglib2.0-0
libportaudio.so.2       libportaudio2
libz.so.1               zlib1g
libzstd.so.1            libzstd1
'

find_python() {
    for name in python3 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

# The package with which Debian's own Python makes virtual environments: python3-venv is for the default python3 alone.
venv_package() {
    case $(basename "$1") in
        python3) echo python3-venv ;;
        *) echo "$(basename "$1")-venv" ;;
    esac
}

# Prints the packages that are missing, one a line.
missing_packages() {
    python=$(find_python) || echo python3
    if [ -z "$python" ]; then
        echo python3-venv
    elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        venv_package "$python"
    fi
    loadable=$(ldconfig -p 2>/dev/null || true)
    printf '%s\n' "$libraries" | while read -r file package; do
        [ -n "$file" ] || continue
        case $loadable in
            *"$file "*) ;;
            *) echo "$package" ;;
        esac
    done
    # A desktop's own screen is as good as Xvfb; namespaces can be made by root alone.
    [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || command -v Xvfb >/dev/null 2>&1 || echo xvfb
    [ "$(id -u)" != 0 ] || command -v ip >/dev/null 2>&1 || echo iproute2
    # A sound server of the tests' own, with devices that can be pulled out. Not asked of people: their tests skip.
    if [ "$(id -u)" = 0 ]; then
        command -v pulseaudio >/dev/null 2>&1 || echo pulseaudio
        command -v pactl >/dev/null 2>&1 || echo pulseaudio-utils
        [ -n "$(find /usr/lib -name libasound_module_pcm_pulse.so 2>/dev/null | head -n 1)" ] || echo libasound2-plugins
        # The reference tool for the sealed format (docs/sealed-format.md), and an ordinary tool for signatures.
        command -v age >/dev/null 2>&1 || echo age
        command -v openssl >/dev/null 2>&1 || echo openssl
        # The browser of a guest, for the test with a real one. Not everywhere is Debian's name for it a program.
        [ -n "$(command -v chromium || command -v google-chrome)" ] || ! grep -q '^ID=debian' /etc/os-release 2>/dev/null ||
            echo chromium
        # Foreign tus servers and a client: where a machine tests for everybody, that test is not left out.
        if [ -n "${CI:-}" ]; then
            command -v node >/dev/null 2>&1 || echo nodejs
            command -v npm >/dev/null 2>&1 || echo npm
        fi
    fi
    [ -n "$(find /usr/share/fonts /usr/local/share/fonts -name '*.ttf' -o -name '*.otf' 2>/dev/null | head -n 1)" ] ||
        echo fonts-dejavu-core
}

install_packages() {
    say "installing from Debian: $*"
    export DEBIAN_FRONTEND=noninteractive
    mkdir -p "$state"
    if ! { apt-get update && apt-get install -y --no-install-recommends "$@"; } >"$state/apt.log" 2>&1 </dev/null; then
        tail -n 5 "$state/apt.log" >&2
        fail "apt-get could not install what is missing (the whole of its words: .setup/apt.log)." \
            "If the network is down, run this again when it is back."
    fi
}

setup_system() {
    [ "$(uname -s)" = Linux ] || return 0
    missing=$(missing_packages | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        fail "this machine has no apt-get; install with its own tools what Debian calls: $missing" \
            "(Python 3.11 or newer with venv, Qt 6's xcb and OpenGL libraries, PortAudio, Xvfb, a font)"
    elif [ "$(id -u)" != 0 ]; then
        fail "some system packages are missing. Type this one line, then try again:" \
            "    sudo apt-get update && sudo apt-get install -y --no-install-recommends $missing"
    fi
    # shellcheck disable=SC2086  # one word for each package
    install_packages $missing
    missing=$(missing_packages | tr '\n' ' ')
    [ -z "$missing" ] || fail "still missing after apt-get: $missing(is this Debian 12 or newer?)"
}

venv_works() {
    [ -x "$venv/bin/python" ] && "$venv/bin/python" -c '
import importlib.util, sys
wanted = ("pip", *sys.argv[1:])
sys.exit(sys.version_info < (3, 11) or not all(importlib.util.find_spec(name) for name in wanted))' "$@" 2>/dev/null
}

# The checkout itself is put on the environment's path; no build is needed, so none can fail.
link_project() {
    site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n' "$root" >"$site/thinline.pth"
    # -P: a folder named "app" where the person stands must not be taken for ours.
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nexec "%s/bin/python" -P -m app "$@"\n' "$venv" >"$venv/bin/thinline"
    chmod 755 "$venv/bin/thinline"
}

setup_venv() {
    key=$(cat "$lock" "$0" | sha256sum | cut -c 1-64)
    stamp="$key $root"
    if [ "$(cat "$state/venv" 2>/dev/null)" = "$stamp" ] && venv_works PySide6 av pytest; then
        return 0
    fi
    rm -f "$state/venv"
    python=$(find_python) || fail "Python 3.11 or newer is missing (looked for python3, python3.13, python3.12, python3.11)."
    if ! venv_works; then
        say "making .venv with $("$python" --version 2>&1)"
        rm -rf "$venv"
        "$python" -m venv "$venv" || fail "$python cannot make a virtual environment: is $(venv_package "$python") there?"
    fi
    say "installing the locked packages into .venv (about 500 MB, once; some minutes on a thin line)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --require-hashes -r "$lock" ||
        fail "pip could not install the locked packages; its words are above." \
            "If the network is down, run this again when it is back."
    link_project
    mkdir -p "$state"
    printf '%s' "$stamp" >"$state/venv"
    say "done"
}

# Foreign tus servers and a client, for tests alone: where there is no node, those tests say so and are left out.
setup_node() {
    if ! command -v npm >/dev/null 2>&1 || ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then
        say "no node 20 or newer with npm: the tests with foreign tus servers and clients are left out"
        return 0
    fi
    key=$(sha256sum <"$root/tests/node/package-lock.json" | cut -c 1-64)
    [ "$(cat "$state/node/stamp" 2>/dev/null)" != "$key" ] || return 0
    mkdir -p "$state/node"
    cp "$root/tests/node/package.json" "$root/tests/node/package-lock.json" "$state/node"
    if (cd "$state/node" && npm ci --ignore-scripts --omit=optional --no-audit --no-fund) >"$state/npm.log" 2>&1 </dev/null; then
        printf '%s' "$key" >"$state/node/stamp"
    else
        say "npm could not install the packages for some tests; they are left out (its words: .setup/npm.log)"
    fi
}

case ${1:-all} in
    all)
        setup_system
        setup_venv
        setup_node
        ;;
    system) setup_system ;;
    venv) setup_venv ;;
    node) setup_node ;;
    *) fail "unknown word '$1': say system, venv, node or nothing" ;;
esac
