# Runs named steps one after the other, keeps the output of each in a log file, and sums them up.
# To be sourced, by a script with `set -euo pipefail`.

steps_summary=()
steps_failed=0
steps_began=$SECONDS

# steps_begin FOLDER: where the logs go.
steps_begin() {
    steps_logs=$1
    mkdir -p "$steps_logs"
}

# step NAME COMMAND...: runs the command; its output goes to the log NAME.log. Lines of it that
# match the regular expression in STEP_SHOW are shown as they come. A failed step shows the end of
# its log and does not end the script; the status tells whether it passed.
step() {
    local name=$1 log="$steps_logs/$1.log" began=$SECONDS status=0
    shift
    printf '[%5ds] %s ...\n' $((SECONDS - steps_began)) "$name"
    if [[ -n ${STEP_SHOW:-} ]]; then
        # grep finds nothing to show in a short log: that is no failure.
        "$@" 2>&1 </dev/null | tee "$log" | { grep --line-buffered -E "$STEP_SHOW" || true; } ||
            status=${PIPESTATUS[0]}
    else
        "$@" >"$log" 2>&1 </dev/null || status=$?
    fi
    local took=$((SECONDS - began))
    if ((status == 0)); then
        steps_summary+=("ok       ${took}s|$name|$log")
        printf '[%5ds] %s: ok, %ds\n' $((SECONDS - steps_began)) "$name" "$took"
        return 0
    fi
    steps_failed=$((steps_failed + 1))
    steps_summary+=("FAILED   ${took}s|$name|$log")
    printf '[%5ds] %s: FAILED (status %d), %ds; the end of %s:\n' \
        $((SECONDS - steps_began)) "$name" "$status" "$took" "$log"
    tail -n 60 "$log" | sed 's/^/    | /'
    return 1
}

# step_left_out NAME WHY: a step that does not count.
step_left_out() {
    steps_summary+=("left out|$1|$2")
    printf '[%5ds] %s: left out: %s\n' $((SECONDS - steps_began)) "$1" "$2"
}

# step_missed NAME WHY: a step that could not even start; it counts as failed.
step_missed() {
    steps_failed=$((steps_failed + 1))
    steps_summary+=("FAILED|$1|not run: $2")
    printf '[%5ds] %s: not run: %s\n' $((SECONDS - steps_began)) "$1" "$2"
}

# steps_end: prints the summary; the status tells whether all steps passed.
steps_end() {
    local line result name note
    printf '\n'
    for line in "${steps_summary[@]}"; do
        IFS='|' read -r result name note <<<"$line"
        printf '  %-14s %-14s %s\n' "$result" "$name" "$note"
    done
    local took=$((SECONDS - steps_began))
    printf '  %d steps, %d failed, %dm %02ds in all\n' \
        ${#steps_summary[@]} "$steps_failed" $((took / 60)) $((took % 60))
    ((steps_failed == 0))
}
