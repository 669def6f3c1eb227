# Each fact after its name, kind, exit status and length, so that nothing in it can pass for something else. What a script
# says on stderr goes to the stderr of the whole, after its name.
p local
for f in "$hoist_facts"/*.fact; do
 [ -f "$f" ] || continue
 if [ -x "$f" ]; then
  printf '@@fact:%s\n' "$f" >&2
  x=$("$f" </dev/null)
  r=$?
  k=run
 else
  x=$(cat "$f" 2>/dev/null)
  r=0
  k=read
 fi
 printf '%s %s %s %s\n%s\n' $k $r "${#x}" "$f" "$x"
done
