# keeper DIRECTORY: waits until its standard input ends, then ends every process that works in the server's
# directory and removes that. The server's processes work in DIRECTORY/data, its programs in DIRECTORY.
trap '' INT TERM HUP QUIT
while read -r _; do :; done
directory=$1

working() {
  found=
  for process in /proc/[0-9]*; do
    if [ "$process/cwd" -ef "$directory" ] || [ "$process/cwd" -ef "$directory/data" ]; then
      found="$found ${process#/proc/}"
    fi
  done
  [ -n "$found" ]
}

# Also what is stopped, and what was just being started.
while working; do
  kill -KILL $found
  sleep 0.01
done

# A killed server leaves a few bytes of shared memory, whose id is in line 7 of its lock file.
segment=$(sed -n '7s/.* //p' "$directory/data/postmaster.pid")
[ -z "$segment" ] || ipcrm -m "$segment"

until rm -rf "$directory" && [ ! -e "$directory" ]; do sleep 0.1; done
