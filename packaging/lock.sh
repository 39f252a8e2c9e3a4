#!/bin/sh
# The three lock files of pinned packages with hashes: the app's, the developers', and the benchmark's.
#
#   packaging/lock.sh write           brings them in step with pyproject.toml, keeping the versions that still fit
#   packaging/lock.sh write --upgrade the same with the newest versions
#   packaging/lock.sh check           exit 1 if they are not in step
#
# The locks carry no index's address, nor the words for it; uv.lock is not used, since it would record one.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
uv=$root/.venv/bin/uv
# Where the system keeps certificates, believe those (a workplace may have its own), else uv's own list.
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then export UV_SYSTEM_CERTS=1; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compile() {
    output=$1
    shift
    if ! (cd "$work" && "$uv" pip compile "$@" --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate "--no-emit-index-url" -o "$output") >/dev/null 2>"$work/log"; then
        cat "$work/log" >&2
        echo "lock: uv could not work out $output. Is the network down, or is pyproject.toml at odds with itself?" >&2
        exit 1
    fi
}

mode=${1:-}
upgrade=${2:-}
case "$mode $upgrade" in
    "write " | "write --upgrade" | "check ") ;;
    *)
        echo "lock: say 'write', 'write --upgrade' or 'check'" >&2
        exit 1
        ;;
esac

# Work on copies beside a copy of pyproject.toml: the present pins seed the answer, so only real changes show.
cp "$root/pyproject.toml" "$root"/requirements*.lock "$work/"
compile requirements.lock pyproject.toml $upgrade
compile requirements-dev.lock pyproject.toml --extra dev $upgrade
compile requirements-bench.lock --group bench $upgrade

for name in requirements.lock requirements-dev.lock requirements-bench.lock; do
    if [ "$mode" = check ]; then
        diff -u "$root/$name" "$work/$name" || {
            echo "lock: $name is not in step with pyproject.toml: run 'make lock'" >&2
            exit 1
        }
    else
        cp "$work/$name" "$root/$name"
    fi
done
