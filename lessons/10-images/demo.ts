import { statSync } from 'node:fs'
import { $ } from 'zx'
import { LAB_CONTAINERS } from '#given/lab.ts'
import { here } from '#given/labs.ts'
import { compare, heading, say, table, transcript } from '#given/show.ts'
import { ROOTFS } from '#given/spec.ts'
import { changes, digest } from '#lesson/10-images/images.ts'
import { lesson } from './lesson.ts'

// Runs in a lab: what is mounted and written here is gone with it.
await using host = await here(lesson)
const home = '/run/demo'
const sh = (script: string) => $({ cwd: home })`bash -c ${script}`.nothrow().text()
/** Types commands, and shows what they print. */
const type = async (...lines: string[]) => {
  for (const line of lines) transcript(line, await sh(`exec 2>&1; ${line.replace(/ {3,}#.*/, '')}`))
}
await $`mkdir -p ${home}/base/etc/old ${home}/app/etc ${home}/upper ${home}/work ${home}/root`
await sh(
  'echo welcome > base/etc/motd; echo root > base/etc/passwd; echo x > base/etc/old/x; echo welcome, app > app/etc/motd',
)

heading('A union by hand: two layers, a folder for what is written, and one to work in')
await type(
  'mount -t overlay -o lowerdir=app:base,upperdir=upper,workdir=work none root',
  'cat root/etc/motd root/etc/passwd    # app lies over base',
)

heading('Write to it: the layers stay, the upper folder has it all')
await type(
  'echo hello > root/etc/new; chmod 600 root/etc/motd; rm root/etc/passwd',
  'rm -r root/etc/old; mkdir root/etc/old',
  "stat -c '%A %F %n' upper/etc/*",
  'ls base/etc; ls app/etc',
)
say('')
const marks: Record<string, string> = { deleted: 'a whiteout: device 0, 0', replaced: 'a folder that is opaque' }
table(
  ['in upper', 'changes() says', 'because it is'],
  changes(`${home}/upper`).map(({ path, kind }) => [path, kind, marks[kind] ?? 'there']),
)
await sh('umount root')

heading('One image, two containers')
await $`mkdir -p ${home}/site/srv`
await sh('echo "the same for all" > site/srv/page')
const lower = [ROOTFS, `${home}/site`]
const script = (word: string) => `echo ${word} > /srv/page; echo; read -r line`
await using a = await host.start(['sh', '-c', script('a')], { id: 'a', lower })
await using b = await host.start(['sh', '-c', script('b')], { id: 'b', lower })
for (const { program } of [a, b]) await program.until(() => program.stdout !== '', 'it had written')
const page = (root: string) => sh(`cat ${root}/srv/page`)
const from = (path: string) => path.replace(home, '…').replace(LAB_CONTAINERS, '…')
const mountsOf = async (pid: number) =>
  (await host.read(`/proc/${pid}/mountinfo`))
    .split('\n')
    .filter((line) => / - overlay /.test(line) && / \/ \/ /.test(line)).length
table(
  ['/srv/page', '', 'lies in'],
  [
    ['the image', (await page(`${home}/site`)).trim(), from(`${home}/site`)],
    ['container a', (await page(`/proc/${a.pid}/root`)).trim(), from(`${LAB_CONTAINERS}/a/upper`)],
    ['container b', (await page(`/proc/${b.pid}/root`)).trim(), from(`${LAB_CONTAINERS}/b/upper`)],
  ],
)
const kilobytes = async (path: string) => (await sh(`du -sk ${path} | cut -f 1`)).trim()
compare([
  ['overlay at /', String(await mountsOf(process.pid)), String(await mountsOf(a.pid)), 'the host sees none'],
  [
    'kB on disk',
    await kilobytes(ROOTFS),
    await kilobytes(`${LAB_CONTAINERS}/a/upper`),
    'a container is as small as its changes',
  ],
])
for (const { program } of [a, b]) program.write('\n')
await Promise.all([a.program.result, b.program.result])
transcript(`ls ${from(LAB_CONTAINERS)} | wc -l    # after the end`, await sh(`ls ${LAB_CONTAINERS} | wc -l`))

heading('A change is copied up first, all of the file: the price of the first byte')
await sh('head -c 30000000 /dev/zero > site/srv/large; echo > site/srv/small')
const append = 'echo x >> /srv/small; echo x >> /srv/large; echo; read -r line'
await using writer = await host.start(['sh', '-c', append], { id: 'writer', lower })
await writer.program.until(() => writer.program.stdout !== '', 'it had written')
const sizes = ['small', 'large'].map((name) => [
  name,
  ...[`${home}/site`, `${LAB_CONTAINERS}/writer/upper`].map((root) => String(statSync(`${root}/srv/${name}`).size)),
])
table(['one byte and a newline more', 'bytes in the layer', 'bytes in upper'], sizes)
writer.program.write('\n')
await writer.program.result

heading('Changes, kept: the next layer. Two builds of myimage on the same layer 0')
const tar = ['tar', '--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '-c']
const layerOf = async (folder: string) => {
  await $`${tar} -C ${folder} -f ${home}/layer.tar .`
  return digest(`${home}/layer.tar`).slice(0, 19)
}
const base = await layerOf(`${home}/base`)
const build = async (id: string, words: string) => {
  await host.run(['sh', '-c', `echo ${words} > /srv/program`], { id, lower, keep: true })
  return layerOf(`${LAB_CONTAINERS}/${id}/upper`)
}
const rows = [
  ['myimage:1', base, await build('one', 'version 1')],
  ['myimage:2', base, await build('two', 'version 2')],
  ['myimage:1, built again', base, await build('three', 'version 1')],
]
table(['', 'layer 0, the base', 'layer 1, the program'], rows)
say('The name of a layer is the sum of its bytes. What is the same has one name, and')
say('lies on the disk once, however many images have it.')

heading('A base image of packages, with dpkg-deb alone')
if (await sh('command -v dpkg-deb dpkg-query').then((there) => there.split('\n').length < 3))
  say('skipped: this machine has no dpkg')
else {
  // Packed again from what is installed here: the lab has no network to fetch them from.
  for (const name of ['dash', 'libc6']) {
    await sh(`
      mkdir -p ${name}/DEBIAN; dpkg-query -s ${name} | sed '/^Status:/d; /^Conffiles:/,/^[^ ]/{/^Conffiles:/d; /^ /d}' > ${name}/DEBIAN/control
      dpkg-query -L ${name} | while read -r file; do [ -d "$file" ] || echo "$file"; done | tar -cf - -T - 2>/dev/null | tar -xf - -C ${name}
      dpkg-deb --root-owner-group -Znone --build ${name} ${name}.deb`)
  }
  await $`mkdir ${home}/packages`
  await type('dpkg-deb --extract dash.deb packages')
  const hello = async () => {
    const { stdout, stderr } = await host.run(['dash', '-c', 'echo hello'], { lower: [`${home}/packages`] })
    return stdout || stderr
  }
  const typed = "box run packages -- dash -c 'echo hello'"
  transcript(typed, (await hello()).replaceAll(/: (?=the )/g, ':\n  '))
  await type('dpkg-deb --field dash.deb Pre-Depends Depends', 'dpkg-deb --extract libc6.deb packages')
  transcript(typed, await hello())
  say('dpkg-deb unpacks what it is given. apt reads Depends, and fetches the rest.')
  const megabytes = async (path: string, ...without: string[]) => {
    const kB = (await $`du -sk ${without.map((name) => `--exclude=${path}/usr/share/${name}`)} ${path}`.text()).split(
      '\t',
    )[0]
    return `${Math.ceil(Number(kB) / 1024)} MB`
  }
  const sizes = [
    ['dash and libc6', await megabytes(`${home}/packages`)],
    ["this machine's programs, and their libraries", await megabytes(ROOTFS)],
  ]
  const { WORKSHOP_DEBIAN: debian, WORKSHOP_NO_DEBIAN: why } = process.env // a lab has no network: demo.ts of scripts/
  if (debian) {
    say('mmdebstrap has apt do it for a whole Debian. Its packages set themselves up:')
    const suite = (await sh(`. ${debian}/etc/os-release; echo $VERSION_CODENAME`)).trim()
    transcript(`mmdebstrap --variant=essential --format=directory ${suite} debian`, '')
    const look = ['sh', '-c', 'cat /etc/debian_version; dpkg --list | grep -c ^ii']
    const { stdout, stderr } = await host.run(look, { lower: [debian] })
    transcript("box run debian -- sh -c 'cat /etc/debian_version; dpkg --list | grep -c ^ii'", stdout || stderr)
    sizes.push(
      ["Debian's essential packages", await megabytes(debian)],
      ['the same without documentation and translations', await megabytes(debian, 'doc', 'man', 'info', 'locale')],
    )
  }
  table(['a root of', ''], sizes)
  if (!debian) say(`skipped: a whole Debian by mmdebstrap: ${why}`)
}
