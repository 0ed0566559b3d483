# Ends what runs in directory $1, and removes it, once standard input is closed.
dir=$1
inside() { find /proc/[0-9]*/cwd -maxdepth 0 -lname "$dir*" 2>/dev/null | cut -d/ -f3; }

cat >/dev/null
tries=0
signal=INT
while pids=$(inside) && [ -n "$pids" ]; do
	[ "$tries" -lt 50 ] || signal=KILL
	kill -s "$signal" $pids
	kill -s CONT $pids
	tries=$((tries + 1))
	sleep 0.1
done 2>/dev/null
rm -rf "$dir"
