# usage: base.sh ROOT SEED, run by mmdebstrap on the finished tree
# SEED/ca holds the machine's own certificate authorities.
set -eu
root=$1 seed=$2

chroot "$root" useradd --create-home --shell /bin/bash --comment 'hoist lab' hoist
rm -f "$root"/etc/ssh/ssh_host_*
: >"$root/etc/machine-id"
rm -f "$root/etc/hostname"

if [ -n "$(ls "$seed/ca")" ]; then
    cp "$seed"/ca/*.crt "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates >/dev/null
fi

# What a throw-away host does not need while it boots.
for unit in \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer systemd-tmpfiles-clean.timer console-getty.service getty.target getty-static.service \
    ldconfig.service systemd-binfmt.service systemd-firstboot.service systemd-hwdb-update.service \
    systemd-journal-catalog-update.service systemd-networkd-wait-online.service systemd-pstore.service \
    systemd-udevd.service systemd-udev-trigger.service systemd-update-done.service \
    systemd-update-utmp.service systemd-update-utmp-runlevel.service dev-hugepages.mount \
    sys-fs-fuse-connections.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
    proc-sys-fs-binfmt_misc.automount; do
    ln -sfn /dev/null "$root/etc/systemd/system/$unit"
done

# Until this unit has run, pam_nologin turns every login away.
mkdir -p "$root/etc/systemd/system/ssh.service.d"
printf '[Unit]\nAfter=systemd-user-sessions.service\n' >"$root/etc/systemd/system/ssh.service.d/lab.conf"
chroot "$root" systemctl enable -q systemd-networkd ssh
