#!/bin/sh
# A server that stalls: stops whoever listens at a port of this machine for 300 ms, five
# times, once a second. What is stopped does not know it; a garbage collector, a full disk or
# a busy neighbour look the same from outside. For Linux: ss names the process.
#
#     sh docs/recipes/stall.sh 8765
set -eu
pid=$(ss -Hltnp "sport = :$1" | sed -n 's/.*pid=\([0-9]*\).*/\1/p' | head -n 1)
[ -n "$pid" ] || { echo "nobody listens at port $1, or it is another user's" >&2; exit 1; }
# It must not stay stopped, whatever ends this script.
trap 'kill -CONT "$pid" 2>/dev/null' EXIT
for stall in 1 2 3 4 5; do
    sleep 1
    kill -STOP "$pid"
    sleep 0.3
    kill -CONT "$pid"
done
