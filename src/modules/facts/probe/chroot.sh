p chroot
if [ -n "${debian_chroot:-}" ]; then echo chroot
elif [ -e /proc/1/root/. ]; then if [ / -ef /proc/1/root/. ]; then echo root; else echo chroot; fi
else stat -c 'inode %i' / 2>/dev/null; stat -f -c 'fs %T' / 2>/dev/null
fi
