# Where a file says it, lsb_release (often a script of a slow language) need not be run.
p lsb
if has lsb_release; then
 echo present
 [ -e /etc/lsb-release ] || [ -e /etc/debian_version ] || lsb_release -a 2>/dev/null
fi
