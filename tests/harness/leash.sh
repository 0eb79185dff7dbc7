#!/bin/sh
# Runs a program, and kills it when stdin closes: so no test can leave it behind, not even one that is
# killed itself. Its stdout goes to stderr.
exec 3<&0
"$@" </dev/null >&2 3<&- &
program=$!
{ cat <&3; kill -KILL "$program"; } >/dev/null 2>&1 &
exec 3<&-
wait "$program"
