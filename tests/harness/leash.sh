#!/bin/sh
# Runs a program, and kills it when stdin closes: so no test can leave it behind, not even one that is
# killed itself. Its stdout goes to stderr. SIGTERM is passed on, and its end waited for.
exec 3<&0
"$@" </dev/null >&2 3<&- &
program=$!
{ cat <&3; kill -KILL "$program"; } >/dev/null 2>&1 &
exec 3<&-
trap 'kill -TERM "$program"' TERM
wait "$program"
# A signal that is passed on ends the waiting, not the program.
while kill -0 "$program" 2>/dev/null; do wait "$program"; done
