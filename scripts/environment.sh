# Sourced by the other scripts: makes and keeps the virtual environment .venv in the checkout.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv="$root/.venv"

die() {
    printf '%s\n' "$*" >&2
    exit 3
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    die "loadtest needs Python 3.11 or later; set PYTHON to it, or install it"
}

# ensure_environment WHAT: installs the package (WHAT is ".") or the package with its tools (".[dev]") once, and
# again when pyproject.toml or constraints.txt has changed or the checkout has moved.
ensure_environment() {
    local what=$1 stamp="$venv/stamp-$1" wanted log="$root/.venv-setup.log" python
    wanted="$root $(cksum <"$root/pyproject.toml") $(cksum <"$root/constraints.txt")"
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && [ -x "$venv/bin/python" ] && return
    python=$(find_python) || exit 3
    if command -v flock >/dev/null; then
        exec 9>"$root/.venv.lock"
        flock 9 # two first uses at once: the second waits for the first
        [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
    fi
    printf 'loadtest: setting up the environment in %s (once, about a minute)\n' ".venv" >&2
    {
        "$python" -m venv --clear "$venv" &&
            "$venv/bin/python" -m pip install --disable-pip-version-check --constraint "$root/constraints.txt" --editable "$root${what#.}"
    } >"$log" 2>&1 9>&- || {
        tail -n 5 "$log" >&2
        die "loadtest: the set-up failed; all of its output is in $log"
    }
    printf '%s\n' "$wanted" >"$stamp"
    [ "$what" = . ] || printf '%s\n' "$wanted" >"$venv/stamp-."
    exec 9>&-
}
