# Sourced by scripts/test: brings the servers that the tests race against, from npm and PyPI, into .tools/.
# Without npm or Java the tests that need them skip with a reason (and fail where CI=true).

dynamodb_local=amplify-dynamodb-simulator@2.9.30 # carries DynamoDB Local's jar in its folder emulator/
dynalite=dynalite@4.0.0
ministack=ministack==1.5.33 # needs another botocore than aioboto3 does, so it has an environment of its own

ensure_servers() {
    local tools="$root/.tools" log="$root/.tools/setup.log"
    mkdir -p "$tools"
    if [ ! -x "$tools/ministack/bin/ministack" ]; then
        printf 'loadtest: installing MiniStack for the tests\n' >&2
        {
            "$venv/bin/python" -m venv --clear "$tools/ministack" &&
                "$tools/ministack/bin/python" -m pip install --disable-pip-version-check "$ministack"
        } >"$log" 2>&1 || tail -n 5 "$log" >&2
    fi
    command -v npm >/dev/null || return 0
    if [ ! -e "$tools/dynamodb-local/DynamoDBLocal.jar" ]; then
        printf 'loadtest: fetching DynamoDB Local for the tests\n' >&2
        (
            fresh=$(mktemp -d "$tools/fetch.XXXXXX") && cd "$fresh" &&
                tar xzf "$(npm pack --silent "$dynamodb_local")" package/emulator &&
                rm -rf "$tools/dynamodb-local" && mv package/emulator "$tools/dynamodb-local" && rm -rf "$fresh"
        ) >"$log" 2>&1 || tail -n 5 "$log" >&2
    fi
    if [ ! -e "$tools/dynalite/node_modules/dynalite/cli.js" ]; then
        printf 'loadtest: fetching dynalite for the tests\n' >&2
        npm install --silent --no-audit --no-fund --prefix "$tools/dynalite" "$dynalite" >"$log" 2>&1 ||
            tail -n 5 "$log" >&2
    fi
}
