#!/bin/sh
# LIST-4: `page[size]=n` gives at most n items.
# Sends again what showed it broken in run d56d06326c24af08, and says whether it still is: exit 1 if so, else 0.
# Needs curl, and in the environment: BACKUPS_KEY_FULL.
# BASE_URL=… takes another target. A request that was accepted as a restore is sent with RESTORES=yes alone.
BASE_URL=${BASE_URL:-http://127.0.0.1:33963}
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

echo '1: wanted at most 2 items, got 10'
now=$(curl -sS -i --http1.1 --globoff --path-as-is -H "Authorization: Bearer $BACKUPS_KEY_FULL" -H 'X-Hub-Id: 08d33503ee27d4c13055d0ce' -H 'Accept: application/json' "$BASE_URL"'/v1/containers/0d6e4079e36703ebd37c0072/backups?page%5Bsize%5D=2' -o /dev/null -w '%{http_code}' 2>/dev/null)
tell 1 200 "${now:-000}" /data
exit "$still"
