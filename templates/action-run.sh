#!/usr/bin/env bash
# Runs the suite for the GitHub action. Inputs come from the environment, so that no value is ever part of a script.
# Writes the outputs `verdict` and `exit-code`; the last step of the action ends with the exit code.
set -euo pipefail

arguments=(run --report-dir "$REPORT_DIR")
for name in target waivers profile only skip depth edition require; do
    variable="INPUT_${name^^}"
    if [ -n "${!variable:-}" ]; then
        arguments+=("--$name" "${!variable}")
    fi
done
if [ "${INPUT_STRICT:-false}" = true ]; then
    arguments+=(--strict)
fi

code=0
uvx --from "$ACTION_PATH" backups-conformance "${arguments[@]}" || code=$?

verdict=""
if [ -f "$REPORT_DIR/results.json" ]; then
    verdict=$(sed -n 's/^ *"verdict": *"\([a-z-]*\)".*/\1/p' "$REPORT_DIR/results.json" | head -n 1)
fi
{
    echo "verdict=$verdict"
    echo "exit-code=$code"
} >>"$GITHUB_OUTPUT"
