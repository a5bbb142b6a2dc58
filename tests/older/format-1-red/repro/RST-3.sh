#!/bin/sh
# RST-3: A restore leaves the backup as it was: ids, `target`, `created`, `state.current`.
# Sends again what showed it broken in run 0ba57c0cecf91945, and says whether it still is: exit 1 if so, else 0.
# Needs curl, and in the environment: BACKUPS_KEY_FULL.
# BASE_URL=… takes another target. A request that was accepted as a restore is sent with RESTORES=yes alone.
BASE_URL=${BASE_URL:-http://127.0.0.1:43027}
still=0

# tell NUMBER STATUS-THEN STATUS-NOW POINTER
tell() {
    if [ "$2" != "$3" ]; then
        echo "   no longer: $3, then it was $2"
    elif [ -n "$4" ]; then
        echo "   $3 as then; whether $4 is mended stands in the body: leave -o /dev/null out to see it"
        still=1
    else
        echo "   still $3"
        still=1
    fi
}

echo '1: wanted "/backups/0d6e4079e36703ebd37c0072/2025/11/06" as in the other reading, got "/restored"'
now=$(curl -sS -i --http1.1 --globoff --path-as-is -H "Authorization: Bearer $BACKUPS_KEY_FULL" -H 'X-Hub-Id: 08d33503ee27d4c13055d0ce' -H 'Accept: application/json' "$BASE_URL"/v1/containers/0d6e4079e36703ebd37c0072/backups/68cf9bad839a6d85070c0fdf -o /dev/null -w '%{http_code}' 2>/dev/null)
tell 1 200 "${now:-000}" /data/target/path
echo '2: wanted "/backups/0d6e4079e36703ebd37c0072/2025/11/10" as in the other reading, got "/restored"'
now=$(curl -sS -i --http1.1 --globoff --path-as-is -H "Authorization: Bearer $BACKUPS_KEY_FULL" -H 'X-Hub-Id: 08d33503ee27d4c13055d0ce' -H 'Accept: application/json' "$BASE_URL"/v1/containers/0d6e4079e36703ebd37c0072/backups/e134209e3580929a80e6aa79 -o /dev/null -w '%{http_code}' 2>/dev/null)
tell 2 200 "${now:-000}" /data/target/path
exit "$still"
