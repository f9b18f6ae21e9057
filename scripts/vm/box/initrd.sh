#!/bin/sh
# Writes an initrd to standard output: busybox, the modules that a disk of QEMU needs, and `init`. 2 MB instead of
# Debian's 30, and no search for devices: initrd.sh ROOT KERNEL-VERSION
set -eu
root=$1 kernel=$2
here=$(dirname "$0")
tree=$root/.initrd
mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/root" "$tree/modules"
cp "$root/bin/busybox" "$tree/bin/busybox"
cp "$here/init" "$tree/init"
chmod 755 "$tree/init"

for module in virtio_pci virtio_mmio virtio_blk virtio_net virtio_rng ext4; do
  # A module that is built in has no file; what it needs comes first.
  chroot "$root" modprobe --set-version "$kernel" --show-depends "$module" 2> /dev/null | while read -r kind file _; do
    name=$(basename "${file%.xz}")
    [ "$kind" = insmod ] && ! ls "$tree/modules" | grep -q "^[0-9]*-$name\$" || continue
    number=$((100 + $(ls "$tree/modules" | wc -l)))
    case $file in
      *.xz) xz --decompress --stdout "$root$file" > "$tree/modules/$number-$name" ;;
      *) cp "$root$file" "$tree/modules/$number-$name" ;;
    esac
  done
done
chroot "$root" sh -c 'cd /.initrd && find . | busybox cpio -o -H newc -R 0:0 2> /dev/null'
rm -rf "$tree"
