#!/usr/bin/env bash
# packaging/check-service.sh ROOT QUIPU PLAN: runs quipu.service under a systemd of its own, and checks what it promises.
#
# ROOT is the folder of a Debian that is only for this (debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,procps
# bookworm ROOT). It is started by systemd-nspawn with a loopback of its own; the host needs no systemd, but root's rights,
# systemd-nspawn, nsenter and curl. QUIPU is the command, PLAN a plan with its weights in it (quipu compile --bundle).

set -euo pipefail
[ $# -eq 3 ] || { echo "error: packaging/check-service.sh takes ROOT, QUIPU and PLAN" >&2; exit 2; }
root=$(realpath "$1") quipu=$2 plan=$3
here=$(cd "$(dirname "$0")" && pwd)
[ -x "$root/lib/systemd/systemd" ] || { echo "error: $1: there is no systemd in it; make it with debootstrap" >&2; exit 2; }

guest() { nsenter -t "$leader" -m -p -u -i -n -C -r -w env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin "$@"; }
show() { guest systemctl show quipu -P "$1"; }
main_pid() { pgrep -f '^/usr/local/bin/quipu serve /var/lib/quipu/model.qplan' --parent "$leader"; }
# ask PATH [OPTIONS]: on the guest's loopback.
ask() { nsenter -t "$leader" -n curl -sS --max-time 60 "http://127.0.0.1:8081$1" "${@:2}"; }
with_key() { ask "$@" -H "Authorization: Bearer $(cat "$root/etc/quipu/keys")"; }
status_of() { ask "$@" -o /dev/null -w '%{http_code}'; }
ready() { [ "$(status_of /health 2>/dev/null)" = 200 ]; }
starting() { [ "$(guest systemctl is-system-running)" != running ]; }
fail() { echo "failed: $1" >&2; guest journalctl -u quipu --no-pager >&2; exit 1; }
ok() { echo "ok: $1"; }
# soon CMD...: waits up to 20 s until it succeeds.
soon() { for _ in $(seq 100); do if "$@"; then return; fi; sleep 0.2; done; return 1; }

install -D -m 755 "$quipu" "$root/usr/local/bin/quipu"
install -D -m 644 "$here/quipu.service" "$root/etc/systemd/system/quipu.service"
# What docs/serving.md tells to do.
install -d "$root/etc/quipu" "$root/var/lib/quipu"
install -m 644 "$plan" "$root/var/lib/quipu/model.qplan"
head -c 24 /dev/urandom | base64 | install -m 600 /dev/stdin "$root/etc/quipu/keys"
printf 'PLAN=/var/lib/quipu/model.qplan\nOPTIONS=--port 8081 --kv-cache-dir /var/cache/quipu\n' >"$root/etc/quipu/serve.env"

systemd-nspawn -q -D "$root" --register=no --keep-unit --private-network --boot --console=read-only </dev/null >"$root/console.log" 2>&1 &
nspawn=$!
# The second signal ends it at once.
trap 'kill $nspawn 2>/dev/null; sleep 1; kill $nspawn 2>/dev/null; wait $nspawn' EXIT
leader=
soon pgrep -P "$nspawn" >/dev/null || { echo "failed: systemd-nspawn did not start; $root/console.log says why" >&2; exit 1; }
leader=$(pgrep -P "$nspawn" | head -1)
for _ in $(seq 100); do if starting 2>/dev/null; then sleep 0.2; else break; fi; done

guest systemd-analyze verify --man=no /etc/systemd/system/quipu.service || fail "systemd-analyze verify"
# In tenths: what can be had without MemoryDenyWriteExecute and PrivateDevices.
guest systemd-analyze security --offline=true --threshold=16 --no-pager /etc/systemd/system/quipu.service >"$root/security.log" ||
  fail "$(tail -1 "$root/security.log")"
ok "verified, $(grep -o 'exposure level.*' "$root/security.log")"

guest systemctl daemon-reload
guest systemctl enable --now quipu 2>/dev/null || fail "systemctl enable --now"
soon ready || fail "/health is not 200"
[ "$(status_of /v1/models)" = 401 ] || fail "a request without a key was answered"
with_key /v1/completions -d '{"prompt": "Once upon a time", "max_tokens": 4}' | grep -q '"text":' || fail "no completion"
ok "it answers to a key, and to nobody else"

pid=$(main_pid)
[ "$(stat -c %u "/proc/$pid")" -ge 61184 ] || fail "it runs as a user of the system"
[ "$(stat -c %U "$root/var/lib/quipu/model.qplan")" = root ] || fail "its user owns the plan, which is machine code"
for place in /var/lib/quipu/model.qplan /etc/quipu/serve.env /usr/local/bin/quipu; do
  nsenter -t "$pid" -m -r bash -c ": >>$place" 2>/dev/null && fail "$place can be written"
done
for line in 'CapEff:\s0+' 'NoNewPrivs:\s1' 'Seccomp:\s2'; do
  grep -qE "^$line$" "/proc/$pid/status" || fail "it has rights: no $line in its status"
done
ok "a user of its own, which may write neither the plan nor the program, without rights"

guest mv /var/log/quipu/access.log /var/log/quipu/old.log
guest systemctl reload quipu
soon test -e "$root/var/log/private/quipu/access.log" || fail "no new log after systemctl reload"
ask /health >/dev/null
soon grep -q /health "$root/var/log/private/quipu/access.log" || fail "the new log has no line"
ok "systemctl reload opens the log anew"

kill -9 "$pid"
restarted() { [ "$(main_pid)" != "$pid" ] && ready; }
soon restarted || fail "it was not started again after SIGKILL"
ok "started again after SIGKILL, restarts: $(show NRestarts)"

with_key /v1/completions -d '{"prompt": "Once", "max_tokens": 300, "ignore_eos": true, "stream": true}' >"$root/stream.log" &
stream=$!
soon grep -q data: "$root/stream.log" || fail "no stream"
guest systemctl stop quipu
wait $stream || fail "the stream was cut"
tail -2 "$root/stream.log" | grep -q DONE || fail "the stream did not end"
[ "$(show Result)" = success ] || fail "it ended with $(show Result)"
ls "$root"/var/cache/private/quipu/* >/dev/null || fail "no pages of the cache were kept"
ok "systemctl stop lets a stream end, and keeps pages of the cache"
