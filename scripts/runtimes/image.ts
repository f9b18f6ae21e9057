/*
 * One image, several runtimes: made by our own store, saved as an OCI image layout, and run from that by others and by
 * us. Its name is a digest, so each can be asked whether it has the very same.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { heading, say, table, transcript } from '#given/show.ts'
import { project } from '#given/spec.ts'
import { openStore } from '../../lessons/10-images/given/store.ts'
import { lacks, placeFor } from './measure-all.ts'
import { crun, runc } from './oci.ts'
import { podman } from './podman.ts'
import { lastWords, type Place, Refused, type Runtime } from './runtime.ts'

/** The digests of an image's manifest and of its config; the latter is the image's id. */
interface Digests {
  manifest: string
  id: string
}

/** What one runner made of the image. */
type Ran = { by: string } & ((Digests & { printed: string }) | { missing: string } | { refused: string })

type Type = (typed: string) => string

// A file of a layer, a variable and a command: all that an image brings is in what it prints.
const MAKE = [
  `box build --from $ROOTFS --run 'echo hello > /srv/word' --env WHO=world \\
    --cmd 'echo $(cat /srv/word), $WHO' --tag hello:1`,
  'box save hello:1 --output layout/',
  'ls layout',
]

/** Makes the image, runs it, and prints what came of it. */
export async function runOneImage(json: boolean): Promise<void> {
  const place = placeFor({ name: 'image' })
  const typed = (store: string) =>
    typing({ ...place, env: { ...place.env, WORKSHOP_IMAGES: join(place.folder, store) } }, !json)
  if (!json) heading('One image: made by box, saved as an OCI image layout')
  for (const line of MAKE) typed('made')(line)
  if (!json) heading('Run from there: by podman, with one runtime and the other, and by box')
  await podman.prepare?.(place)
  const ran = [runc, crun].map((runtime) =>
    attempt(`podman, ${runtime.name}`, () => byPodman(typed('none'), place, runtime)),
  )
  ran.push(attempt('box', () => byBox(typed('loaded'), join(place.folder, 'loaded'))))
  const saved = savedIn(join(place.folder, 'layout'))
  if (json) console.log(JSON.stringify({ saved, ran }, null, 2))
  else print(saved, ran)
}

function attempt(by: string, run: () => (Digests & { printed: string }) | { missing: string }): Ran {
  try {
    return { by, ...run() }
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return { by, refused: error.message }
  }
}

function byPodman(type: Type, place: Place, runtime: Runtime) {
  const missing = lacks(podman) ?? lacks(runtime)
  if (missing) return { missing }
  const name = `workshop-${runtime.name}`
  const printed = type(`podman run --runtime ${runtime.name} --net none --name ${name} oci:layout:hello:1`)
  const format = '{{.OCIRuntime}} {{.ImageDigest}} {{.Image}}'
  const [by, manifest = '', id = ''] = typing(place)(`podman inspect --format '${format}' ${name}`).trim().split(' ')
  if (by !== runtime.name) throw new Refused(`it was ${by} that podman started`)
  return { manifest, id: `sha256:${id}`, printed: printed.trim() }
}

/** From a store of its own, which has nothing but what it loads. */
function byBox(type: Type, store: string) {
  type('box load layout')
  const printed = type('box run --reference --net none hello:1 --')
  const { manifest, id } = openStore(store).find('hello:1')
  return { manifest, id, printed: printed.trim() }
}

/** The digests in a layout of one image, as anybody can read them there. */
function savedIn(layout: string): Digests {
  const json = (path: string) => JSON.parse(readFileSync(join(layout, path), 'utf8'))
  const manifest: string = json('index.json').manifests[0].digest
  return { manifest, id: json(`blobs/${manifest.replace(':', '/')}`).config.digest }
}

/** Types into a shell that knows `box`, and shows it; the result is what was printed. */
function typing({ env, folder: cwd }: Place, aloud = false): Type {
  const box = `box() { '${process.execPath}' --no-warnings '${project}/scripts/box.ts' "$@"; }`
  return (typed) => {
    const { status, stdout, stderr } = spawnSync('bash', ['-c', `${box}\n${typed}`], { env, cwd, encoding: 'utf8' })
    if (aloud) transcript(typed, stdout)
    if (status === 0) return stdout
    throw new Refused(lastWords(stderr) || `it ended with ${status}`)
  }
}

function print(saved: Digests, ran: Ran[]): void {
  const short = (digest: string) => digest.slice(0, 'sha256:'.length + 12)
  say('')
  const rows = ran.flatMap((one) =>
    'printed' in one ? [[one.by, short(one.manifest), short(one.id), one.printed]] : [],
  )
  table(['', 'manifest', 'image id', 'printed'], [['layout', short(saved.manifest), short(saved.id)], ...rows])
  for (const one of ran) {
    if ('missing' in one) say(`${one.by}: ${one.missing}`)
    if ('refused' in one) say(`${one.by} refuses: ${one.refused}`)
  }
}
