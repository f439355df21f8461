#!/usr/bin/env bash
# Makes every call of the API once with curl, as a client would, and ends at the first answer of
# another status than it should have. Usage: every_call.sh API-URL INBOX-URL
set -euo pipefail

api=$1
inbox=$2
password='nine correct horses'
body=$(mktemp)
trap 'rm -f "$body"' EXIT

# call METHOD PATH STATUS [JSON] [ACCESS-TOKEN]: the answer is left in $body.
call() {
    local options=(-sS -o "$body" -w '%{http_code}' -X "$1")
    [[ -z ${4:-} ]] || options+=(-H 'Content-Type: application/json' -d "$4")
    [[ -z ${5:-} ]] || options+=(-H "Authorization: Bearer $5")
    local status
    status=$(curl "${options[@]}" "$api$2")
    printf '%-6s %-32s %s\n' "$1" "$2" "$status"
    if [[ $status != "$3" ]]; then
        echo "expected $3:" && cat "$body" && exit 1
    fi
}

# A member of the last answer; PATH is a Python expression behind `answer`.
member() {
    python3 -c 'import json, sys; answer = json.load(open(sys.argv[1])); print(eval("answer" + sys.argv[2]))' \
        "$body" "$1"
}

# The newest code that reached a number.
code_of() {
    local code=''
    for _ in {1..200}; do
        code=$(curl -sS "$inbox/_sim/messages?receptor=$1&limit=1" | python3 -c \
            'import json, sys; found = json.load(sys.stdin); print(found[0]["code"] or "" if found else "")')
        [[ -z $code ]] || break
        sleep 0.05
    done
    echo "$code"
}

# Asks for a code and gives it back: "session_id": …, "code": …
proof() { # PATH JSON NUMBER [ACCESS-TOKEN]
    # An earlier code of the number would be taken for this one.
    curl -sS -X DELETE "$inbox/_sim/messages" >&2
    call POST "$1" 202 "$2" "${4:-}" >&2
    printf '"session_id": "%s", "code": "%s"' "$(member '["session_id"]')" "$(code_of "$3")"
}

usr=/api/v1/usr
number=09121110001 other=09121110002

# Signing in, and who one is.
proven=$(proof $usr/otp "{\"phone_number\": \"$number\"}" $number)
call POST $usr/otp/verify 200 "{$proven, \"device_name\": \"laptop\"}"
access=$(member '["access_token"]') refresh=$(member '["refresh_token"]')
call GET $usr/me 200 '' "$access"
call PATCH $usr/me 200 '{"first_name": "مریم", "email": "maryam@example.com"}' "$access"

# The session.
call POST $usr/token/refresh 200 "{\"refresh_token\": \"$refresh\"}"
access=$(member '["access_token"]')
call GET $usr/sessions 200 '' "$access"

# A password: set, used, changed, forgotten.
call POST $usr/password 204 "{\"new_password\": \"$password\"}" "$access"
call POST $usr/login 200 "{\"phone_number\": \"$number\", \"password\": \"$password\"}"
second=$(member '["access_token"]')
call POST $usr/password 204 "{\"current_password\": \"$password\", \"new_password\": \"$password!\"}" "$access"
call GET $usr/me 401 '' "$second"
call POST $usr/login 200 "{\"phone_number\": \"$number\", \"password\": \"$password!\"}"
proven=$(proof $usr/password/reset "{\"phone_number\": \"$number\"}" $number)
call POST $usr/password/reset/verify 200 "{$proven, \"new_password\": \"$password?\"}"
access=$(member '["access_token"]')

# Another number, and other devices.
proven=$(proof $usr/me/phone "{\"phone_number\": \"$other\"}" $other "$access")
call POST $usr/me/phone/verify 200 "{$proven}" "$access"
call POST $usr/login 403 "{\"phone_number\": \"$number\", \"password\": \"$password?\"}"
call POST $usr/login 200 "{\"phone_number\": \"$other\", \"password\": \"$password?\"}"
second=$(member '["access_token"]')
call GET $usr/sessions 200 '' "$second"
own=$(member '["sessions"][0]["id"]')
[[ $(member '["sessions"][0]["current"]') == True ]] || own=$(member '["sessions"][1]["id"]')
call DELETE "$usr/sessions" 204 '' "$second"
call GET $usr/me 401 '' "$access"
call DELETE "$usr/sessions/$own" 204 '' "$second"
call POST $usr/login 200 "{\"phone_number\": \"$other\", \"password\": \"$password?\"}"
call POST $usr/logout 204 '{"all_devices": true}' "$(member '["access_token"]')"
proven=$(proof $usr/otp "{\"phone_number\": \"$other\"}" $other)
call POST $usr/otp/verify 200 "{$proven}"
call DELETE $usr/me 204 '' "$(member '["access_token"]')"

# The step flow: a newcomer with slashes, and their log-in without.
mobile=09121110003
call POST /api/register/ 200 "{\"mobile_number\": \"$mobile\"}"
[[ $(member '["next_step"]') == otp ]]
call POST /api/verify-otp/ 200 "{\"session_id\": \"$(member '["session_id"]')\", \"code\": \"$(code_of $mobile)\"}"
[[ $(member '["next_step"]') == set_password ]]
call POST /api/set-password/ 200 "{\"session_id\": \"$(member '["session_id"]')\", \"password\": \"$password\"}"
[[ $(member '["next_step"]') == user_info ]]
call POST /api/user-info/ 200 "{\"session_id\": \"$(member '["session_id"]')\", \"email\": \"m@example.com\", \"first_name\": \"مریم\", \"last_name\": \"میرزاخانی\"}"
call POST /api/register 200 "{\"mobile_number\": \"$mobile\"}"
[[ $(member '["next_step"]') == password ]]
call POST /api/login 200 "{\"session_id\": \"$(member '["session_id"]')\", \"password\": \"$password\"}"
call POST /api/login/ 200 "{\"mobile_number\": \"$mobile\", \"password\": \"$password\"}"

# Keys, health, description.
for path in /.well-known/jwks.json /livez /readyz /api/openapi.json /api/docs/; do
    call GET $path 200
done
