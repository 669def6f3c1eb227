# usage: keeper.sh DIR BASE HOSTNAME MACHINE INIT LINK CGROUP...
# Runs in a mount namespace of its own (mounts end with it) and in the lab's network namespace; keeps one host
# running across its reboots. INIT is empty where the base has systemd.
set -eu
dir=$1 base=$2 hostname=$3 machine=$4 init=$5 link=$6
shift 6

# nspawn leaves files under /run when it is killed; here they go with the namespace.
mount -t tmpfs -o mode=755 tmpfs /run

if [ -e "$dir/disk.img" ]; then
    mount -o loop "$dir/disk.img" "$dir/store"
fi
fresh=
if [ ! -d "$dir/store/upper" ]; then
    fresh=1
    rm -rf "$dir/store/upper.new"
    cp -a "$dir/seed" "$dir/store/upper.new"
    mkdir -p "$dir/store/work"
    mv "$dir/store/upper.new" "$dir/store/upper"
fi
mount -t overlay -o "lowerdir=$base,upperdir=$dir/store/upper,workdir=$dir/store/work" overlay "$dir/root"
# The base has no package lists; as old as can be, they do not pass for read just now.
if [ -n "$fresh" ] && [ -d "$dir/root/var/lib/apt/lists" ]; then
    touch -d @0 "$dir/root/var/lib/apt/lists"
fi

while :; do
    for group; do
        [ ! -d "$group/host" ] || find "$group/host" -depth -type d -exec rmdir {} \;
        mkdir "$group/host"
    done
    # A cable that was pulled stays pulled while the host reboots, and a long one stays long.
    if [ -e "$dir/cut" ] || [ -e "$dir/slow" ]; then
        (
            until ip link show "$link" >/dev/null 2>&1; do sleep 0.05; done
            [ ! -e "$dir/cut" ] || ip link set "$link" down
            [ ! -e "$dir/slow" ] || tc qdisc add dev "$link" root netem delay "$(cat "$dir/slow")"
        ) &
    fi
    groups=
    for group; do groups="$groups $group/host"; done
    status=0
    # shellcheck disable=SC2086 # the paths are ours and hold no blanks
    sh "$dir/../../enter.sh" $groups -- systemd-nspawn --quiet --keep-unit --register=no \
        --directory="$dir/root" --machine="$machine" --hostname="$hostname" --network-bridge=br0 \
        --resolv-conf=off --timezone=off --link-journal=no --console=pipe \
        ${init:---boot} $init </dev/null || status=$?
    [ "$status" = 133 ] || exit "$status"
done
