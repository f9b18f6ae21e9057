#!/bin/sh
# Makes a public Debian or Ubuntu box what our own is. Vagrant runs this as root at every `vagrant up`; what is done
# already is not done again, and only the first run, or one after a change of the lockfile, wants the network.
set -eu
cd /vagrant
deps=/opt/deps # on the machine's own disk: node_modules on a shared folder is slow, and lacks links on some hosts
say() { printf '── %s\n' "$*"; }

wanted=$(sed 's/#.*//' scripts/vm/box/packages)
if ! dpkg --status $wanted npm > /dev/null 2>&1; then
  say 'Packages of the system'
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  apt-get install -y -q --no-install-recommends $wanted npm
fi

lockfile=$(sha256sum package-lock.json | cut -d ' ' -f 1)
if [ "$(cat $deps/setup 2> /dev/null)" != "$lockfile" ]; then
  say 'The packages of the lockfile, Node 26 among them; npm compares each with its hash'
  mkdir -p $deps/workshop
  rm -f $deps/setup
  cp package.json package-lock.json $deps
  (cd $deps && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error)
  printf %s "$lockfile" > $deps/setup
fi

for pair in node_modules:node_modules workshop:.workshop; do
  place=/vagrant/${pair#*:}
  mkdir -p "$place"
  mountpoint -q "$place" || mount --bind "$deps/${pair%:*}" "$place"
done

# Lesson 07 makes user namespaces as a user, which Ubuntu's AppArmor lets nobody use.
switch=kernel.apparmor_restrict_unprivileged_userns
if [ "$(sysctl --values --ignore $switch)" = 1 ]; then
  say "$switch was 1, and is 0 from now on: in this machine any user may make user namespaces (lesson 07)"
  echo "$switch = 0" > /etc/sysctl.d/60-workshop.conf
  sysctl --quiet --load /etc/sysctl.d/60-workshop.conf
fi

cp scripts/vm/box/motd /etc/motd
grep -qs '^cd /vagrant' /home/vagrant/.bash_profile ||
  printf 'cd /vagrant\n. ~/.bashrc\n' > /home/vagrant/.bash_profile
