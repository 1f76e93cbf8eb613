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

# ensure_environment [EXTRA…]: the package, and with it these extras (`dev` has all), once; again when pyproject.toml or
# constraints.txt has changed or the checkout has moved.
ensure_environment() {
    local wanted log="$root/.venv-setup.log"
    wanted="$root $(cksum <"$root/pyproject.toml") $(cksum <"$root/constraints.txt")"
    are_there "$@" && return
    if command -v flock >/dev/null; then
        exec 9>"$root/.venv.lock"
        flock 9 # two first uses at once: the second waits for the first
    fi
    is_there base || make_environment
    are_there "$@" || add "$@"
    exec 9>&-
}

are_there() {
    local name
    for name in base "$@"; do
        is_there "$name" || return
    done
}

is_there() {
    [ -x "$venv/bin/python" ] || return
    [ "$(cat "$venv/stamp-$1" 2>/dev/null)" = "$wanted" ] || [ "$(cat "$venv/stamp-dev" 2>/dev/null)" = "$wanted" ]
}

make_environment() {
    local python
    python=$(find_python) || exit 3
    printf 'loadtest: setting up the environment in .venv (once)\n' >&2
    : >"$log"
    step 'making it' "$python" -m venv --clear "$venv" || failed
    if ! command -v uv >/dev/null && ! own_index; then
        step 'getting uv, which installs faster than pip' pip_install "$venv" --constraint "$root/constraints.txt" uv || true
    fi
}

# Whether the user has an index of their own: uv would not know of it.
own_index() { "$venv/bin/python" -m pip config list 2>/dev/null | grep -q '\.index-url='; }

# add [EXTRA…]: installs the package with these extras.
add() {
    local extras name
    extras=$(IFS=, && printf '%s' "$*")
    step "installing loadtest${extras:+ with: $extras}" install --editable "$root${extras:+[$extras]}" || failed
    for name in base "$@"; do
        printf '%s\n' "$wanted" >"$venv/stamp-$name"
    done
}

install() { install_into "$venv" --constraint "$root/constraints.txt" "$@"; }

# install_into ENVIRONMENT ARGUMENT…: pip's arguments, and uv's.
install_into() {
    local into=$1 uv
    shift
    uv=$(PATH="$venv/bin:$PATH" command -v uv) || uv=
    if [ -n "$uv" ] && ! own_index; then
        "$uv" pip install ${PYTHONDONTWRITEBYTECODE:+--compile-bytecode} --python "$into/bin/python" "$@" && return
    fi
    pip_install "$into" "$@"
}

# Modules are compiled when they are first used, because most of what the SDK and moto bring never is; now where Python
# is told to keep nothing that it compiles.
pip_install() {
    local into=$1 compile=--no-compile
    shift
    [ -z "${PYTHONDONTWRITEBYTECODE:-}" ] || compile=--compile
    "$into/bin/python" -m pip install --disable-pip-version-check $compile "$@"
}

# step WHAT COMMAND…: runs it, and says how long it took.
step() {
    local what=$1 began=$SECONDS
    shift
    printf 'loadtest:   %s … ' "$what" >&2
    if ! "$@" >>"$log" 2>&1 9>&-; then
        printf 'failed\n' >&2
        return 1
    fi
    printf '%d s\n' $((SECONDS - began)) >&2
}

failed() {
    tail -n 5 "$log" >&2
    die "loadtest: the set-up failed; all of its output is in $log"
}
