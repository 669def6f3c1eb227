# usage: busybox.sh ROOT SEED, run by mmdebstrap on the finished tree
# Leaves busybox, sshd and sudo as the only programs, with busybox as init.
set -eu
root=$1

chroot "$root" useradd --create-home --shell /bin/sh --comment 'hoist lab' hoist
chroot "$root" usermod --shell /bin/sh root
rm -f "$root"/etc/ssh/ssh_host_*

cp "$root/bin/busybox" "$root/.busybox"
cd "$root/usr"
find bin sbin local \( -type f -o -type l \) \
    ! -path sbin/sshd ! -path bin/sudo ! -path sbin/unix_chkpwd -exec rm -f {} +
mv "$root/.busybox" bin/busybox
chroot "$root" /bin/busybox --install -s
ln -sfn /bin/busybox sbin/init
ln -sfn busybox bin/sh
rm -rf "$root"/var/lib/dpkg "$root"/usr/lib/apt "$root"/usr/share/doc

cat >"$root/etc/inittab" <<'END'
::sysinit:/etc/lab-start
::respawn:/usr/sbin/sshd -D
::ctrlaltdel:/bin/reboot
END
