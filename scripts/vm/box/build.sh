#!/bin/sh
# Fills a root tree with what the workshop's machine is, and makes its disk. mmdebstrap calls this at the end of its
# work, as root or as the root of a user namespace: sh build.sh ROOT. This folder and the key's public half lie in
# ROOT/tmp/workshop then, and what is made goes there too, since a user namespace sees little else.
#
# Out come root.qcow2, vmlinuz, initrd.img, packages.tsv. There is no boot loader and no partition table, so nothing
# has to be mounted: QEMU loads the kernel itself, and the disk is the file system.
set -eu
root=$1
here=$root/tmp/workshop out=$root/tmp/workshop/out
mkdir "$out"
inside() { chroot "$root" "$@"; }
write() { mkdir -p "$(dirname "$root$1")" && cat > "$root$1"; }

# ── the user, and the key of this build
inside useradd --create-home --shell /bin/bash vagrant
inside passwd --delete vagrant > /dev/null
mkdir -m 700 "$root/home/vagrant/.ssh"
cp "$here/vagrant_private_key.pub" "$root/home/vagrant/.ssh/authorized_keys"
printf 'cd /vagrant\n. ~/.bashrc\n' | write /home/vagrant/.bash_profile
inside chown -R vagrant:vagrant /home/vagrant
echo 'vagrant ALL=(ALL) NOPASSWD: ALL' | write /etc/sudoers.d/vagrant
chmod 440 "$root/etc/sudoers.d/vagrant"

# ── ssh: quick, by key only, and it prints the message of the day
printf '%s\n' 'UseDNS no' 'PasswordAuthentication no' 'PrintMotd yes' 'PrintLastLog no' |
  write /etc/ssh/sshd_config.d/workshop.conf
sed -i '/pam_motd\|pam_mail\|pam_lastlog/d' "$root/etc/pam.d/sshd"
rm -f "$root"/etc/ssh/ssh_host_*
inside ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
write /etc/motd < "$here/motd"

# ── names and network: QEMU's user network is always 10.0.2.0/24
echo workshop | write /etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 workshop\n::1 localhost\n' | write /etc/hosts
echo 'nameserver 10.0.2.3' | write /etc/resolv.conf
printf '%s\n' '[Match]' 'Name=en* eth*' '[Network]' 'Address=10.0.2.15/24' 'Gateway=10.0.2.2' \
  'LinkLocalAddressing=no' 'IPv6AcceptRA=no' | write /etc/systemd/network/10-workshop.network
inside systemctl --quiet enable systemd-networkd ssh

# ── the project's place, and the second disk's: init mounts it, and puts its node_modules where npm looks
mkdir -p "$root/opt/deps" "$root/vagrant/node_modules" "$root/vagrant/.workshop"
inside chown -R vagrant:vagrant /vagrant
for program in node npm npx; do ln -s "/opt/deps/bin/$program" "$root/usr/local/bin/$program"; done

# ── what our Node needs where it is emulated; sudo is to keep it
mkdir -p "$root/usr/local/lib/workshop"
cp "$here/node-options.cjs" "$root/usr/local/lib/workshop"
echo 'NODE_OPTIONS=--require=/usr/local/lib/workshop/node-options.cjs' | write /etc/environment
echo 'Defaults env_keep += "NODE_OPTIONS"' | write /etc/sudoers.d/node-options
chmod 440 "$root/etc/sudoers.d/node-options"

# ── what only takes time at boot, which is long under emulation, or starts later, when the ledger of a test run looks
echo '# init has mounted the root' | write /etc/fstab
inside systemctl --quiet mask \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer e2scrub_reap.service \
  getty@tty1.service serial-getty@ttyS0.service serial-getty@ttyAMA0.service getty.target nftables.service \
  ldconfig.service systemd-binfmt.service systemd-firstboot.service systemd-fsck-root.service \
  systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-journal-flush.service \
  systemd-machine-id-commit.service systemd-network-generator.service systemd-networkd-wait-online.service \
  systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-pstore.service systemd-random-seed.service \
  systemd-remount-fs.service systemd-udev-load-credentials.service systemd-update-utmp.service \
  systemd-update-utmp-runlevel.service systemd-ask-password-console.path systemd-ask-password-wall.path \
  modprobe@configfs.service modprobe@dm_mod.service modprobe@drm.service modprobe@efi_pstore.service \
  modprobe@fuse.service modprobe@loop.service \
  proc-sys-fs-binfmt_misc.automount systemd-tmpfiles-clean.timer \
  sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount 2> /dev/null
printf '%s\n' '[Manager]' 'DefaultTimeoutStopSec=10s' | write /etc/systemd/system.conf.d/workshop.conf
rm -f "$root/etc/machine-id"
inside systemd-machine-id-setup > /dev/null 2>&1
inside ldconfig
touch "$root/etc/.updated" "$root/var/.updated"

# ── the kernel, its initrd, and the record of what is in the box
kernel=$(ls "$root/lib/modules" | sort -V | tail -n 1)
sh "$here/initrd.sh" "$root" "$kernel" > "$out/initrd.img"
cp "$root/boot/vmlinuz-$kernel" "$out/vmlinuz"
inside dpkg-query --show > "$out/packages.tsv"
echo "$kernel" > "$out/kernel"
rm -rf "$root"/boot/* "$root"/vmlinuz* "$root"/initrd.img* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin

# ── the disk: an ext4 of 8 GB, of which the file holds what is written
disk=$out/root.raw
truncate --size 8G "$disk"
# mmdebstrap has /proc and /sys mounted in the tree; a plain bind mount shows what lies below them. /tmp starts empty.
unshare --mount sh -euc '
  mount --bind "$1" /mnt
  mount -t tmpfs -o mode=1777 none /mnt/tmp
  mkfs.ext4 -q -F -L root -m 0 -E lazy_itable_init=1 -d /mnt "$2"
' mkfs "$root" "$disk"
qemu-img convert -c -o compression_type=zstd -O qcow2 "$disk" "$out/root.qcow2"
rm "$disk"
