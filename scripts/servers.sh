# Sourced by scripts/test: brings the servers that the tests race against, from npm and PyPI, into .tools/.
# Without npm the tests that need dynalite skip with a reason (and fail where CI=true).

dynalite=dynalite@4.0.0
ministack=ministack==1.5.33 # needs another botocore than aioboto3 does, so it has an environment of its own

ensure_servers() {
    local tools="$root/.tools" log="$root/.tools/setup.log"
    mkdir -p "$tools"
    if [ ! -x "$tools/ministack/bin/ministack" ]; then
        printf 'loadtest: installing MiniStack for the tests\n' >&2
        {
            "$venv/bin/python" -m venv --clear "$tools/ministack" &&
                install_into "$tools/ministack" "$ministack"
        } >"$log" 2>&1 || tail -n 5 "$log" >&2
    fi
    command -v npm >/dev/null || return 0
    if [ ! -e "$tools/dynalite/node_modules/dynalite/cli.js" ]; then
        printf 'loadtest: fetching dynalite for the tests\n' >&2
        npm install --silent --no-audit --no-fund --prefix "$tools/dynalite" "$dynalite" >"$log" 2>&1 ||
            tail -n 5 "$log" >&2
    fi
}
