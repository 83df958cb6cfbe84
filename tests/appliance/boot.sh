#!/usr/bin/env bash
# Boots the Debian system in $1 with systemd as PID 1. It is run as the first process of namespaces
# of its own (mounts, processes, control groups, host name, IPC), so all that it mounts goes when it
# ends. Further arguments are directories of the host that are seen inside, read-only, at the same
# place.
set -euo pipefail

root="$1"
shift

mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
# Device nodes of its own: programs inside change the mode of a terminal, and the host's must not
# feel it. The console leads nowhere.
mount -t tmpfs -o mode=0755,size=1m tmpfs dev
node() { mknod -m "$2" "dev/$1" c "$3" "$4"; }
node null 666 1 3
node zero 666 1 5
node full 666 1 7
node random 666 1 8
node urandom 666 1 9
node tty 666 5 0
node console 600 1 3
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t cgroup2 cgroup2 sys/fs/cgroup
# The kernel's settings are the host's.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys

for directory in "$@"; do
    mkdir -p ".$directory"
    mount --bind "$directory" ".$directory"
    mount -o remount,bind,ro ".$directory"
done

# systemd names the machine after the file.
echo appliance >etc/hostname
echo '127.0.0.1 localhost appliance' >etc/hosts
hostname appliance
# A login prompt on a console that leads nowhere would start again for ever.
ln -sf /dev/null etc/systemd/system/console-getty.service

# The root is turned, not changed: in a changed root (chroot) the kernel makes no user namespaces,
# and PrivateUsers= would fail.
mkdir -p .old
pivot_root . .old
# As on a machine: what systemd mounts for a service (its credentials) is seen by the others, too. In
# a container it leaves this to whoever has started it.
exec env -i container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    sh -c 'umount -l /.old && rmdir /.old && mount --make-rshared / && exec /lib/systemd/systemd --system --log-target=journal'
