# usage: enter.sh CGROUP... -- COMMAND...
# Joins the cgroups, then becomes the command. Fails, and so starts nothing, when a cgroup is gone: that is how
# `down` wins over an `up` that was killed half-way.
set -e
while [ "$1" != -- ]; do
    echo $$ >"$1/cgroup.procs"
    shift
done
shift
exec "$@"
