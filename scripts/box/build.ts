import { mkdirSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { UsageError } from '#given/errors.ts'
import { type Order, run } from '#given/run.ts'
import { newId, spec } from '#given/spec.ts'
import { choose, layer } from '#given/stack.ts'
import { canBeLayers, removeTree, unionOf } from '#given/union.ts'
import { ids } from '#given/user/ids.ts'
import { short } from '../../lessons/10-images/given/digest.ts'
import type { Image, Store } from '../../lessons/10-images/given/interface.ts'
import { openStore } from '../../lessons/10-images/given/store.ts'
import { callersFolder, command, type Options } from '../lib/command.ts'
import { imageNamed, inBytes, noMore } from '../lib/images.ts'
import { STEPS, type Step } from './build/steps.ts'
import { defaults } from './options/image.ts'
import * as network from './options/network.ts'
import { foldersToMap } from './options/owners.ts'
import * as user from './options/user.ts'

const { net } = network.options
const options: Options = {
  from: { type: 'string', value: 'IMAGE', description: 'what to begin with: an image, a folder, or scratch' },
  run: { type: 'string', multiple: true, value: 'SCRIPT', description: 'a layer: what a shell script changes' },
  copy: { type: 'string', multiple: true, value: 'SRC:DST', description: 'a layer: a file, or what is in a folder' },
  cmd: { type: 'string', multiple: true, value: 'CMD', description: 'the command: for sh, or a JSON array of words' },
  entrypoint: { type: 'string', multiple: true, value: 'CMD', description: 'what comes before any command' },
  env: { type: 'string', multiple: true, value: 'K=V', description: 'a variable of its environment' },
  workdir: { type: 'string', multiple: true, value: 'DIR', description: 'where commands start' },
  user: { type: 'string', multiple: true, value: 'USER', description: 'who runs commands' },
  tag: { type: 'string', multiple: true, value: 'NAME[:TAG]', description: 'what to call the image' },
  'no-cache': { type: 'boolean', description: 'do every step, even one that is unchanged' },
  ...(net ? { net } : {}),
  ...user.options,
}
const args = process.argv.slice(3)

await command(
  {
    name: 'box',
    usage: "npm run box -- build --from IMAGE [--run '…'] [--copy SRC:DST] [--cmd …] … --tag NAME[:TAG]",
    about: `Makes an image in steps, in the order in which they are given. A step that changes files makes one layer. A step that is
unchanged, and so are all before it, is not done again: its layer is reused.`,
    options,
    examples: [
      "npm run box -- build --from debian:12 --run 'echo hello > /etc/motd' --cmd 'cat /etc/motd' --tag hello",
      'npm run box -- build --from .workshop/rootfs --copy ./site:/srv --tag site:1',
    ],
    args,
    failure: 125,
    needsLinux: true,
    who: user.who,
  },
  async ({ values, positionals }) => {
    noMore(positionals, 0)
    if (values.from === undefined) throw new UsageError('--from is missing: an image, a folder, or scratch')
    const tags = (values.tag ?? []) as string[]
    const steps = inOrder()
    const store = openStore()
    const cache = !values['no-cache']
    let image = await begin(store, String(values.from))
    for (const [i, step] of steps.entries()) {
      const known = cache ? done(store, image, step) : undefined
      const next = known ?? (await make(store, image, step, values))
      tell(i + 2, step.name, next, image, known !== undefined)
      image = next
    }
    if (!image) throw new UsageError('--from scratch and no step: there is nothing to make an image of')
    for (const tag of tags) await store.tag(image, tag)
    console.log(`${tags.join(' ') || '-'}   ${short(image.id)}   ${inBytes(image.size)}`)
    return 0
  },
)

/** The steps, as they were typed: parseArgs alone would sort them by their names. */
function inOrder(): Step[] {
  const { tokens } = parseArgs({ args, options, allowPositionals: true, strict: false, tokens: true })
  return tokens.flatMap((token) => {
    const step = token.kind === 'option' && STEPS[token.name]
    return step && typeof token.value === 'string' ? [step(token.value)] : []
  })
}

async function begin(store: Store, from: string): Promise<Image | undefined> {
  if (from === 'scratch') return undefined
  const path = resolve(callersFolder, from)
  const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory()
  // What is in a folder may have changed, so it is read again. The same files are the same layer.
  const image = folder ? await store.import(path, { createdBy: `FROM ${path}` }) : imageNamed(store, from)
  console.log(`step 1   FROM ${from}   ${short(image.id)}`)
  return image
}

/** The image that this step has made of the same image before. */
function done(store: Store, parent: Image | undefined, { name }: Step): Image | undefined {
  const before = parent?.config.rootfs.diff_ids ?? []
  const steps = (parent?.config.history ?? []).map(({ created_by }) => created_by)
  return store.images().find(({ config: { rootfs, history = [] } }) => {
    const same = history.length === steps.length + 1 && steps.every((step, i) => history[i]?.created_by === step)
    return same && history.at(-1)?.created_by === name && before.every((id, i) => rootfs.diff_ids[i] === id)
  })
}

async function make(
  store: Store,
  parent: Image | undefined,
  step: Step,
  values: Record<string, unknown>,
): Promise<Image> {
  const wish = {
    ...(parent ? { parent } : {}),
    createdBy: step.name,
    ...(step.config ? { config: merged(parent, step) } : {}),
  }
  const argv = step.copy ? ['copy'] : step.run ? ['/bin/sh', '-c', step.run] : undefined
  if (!argv) return store.commit(undefined, wish)
  const { order, upper, remove } = await orderFor(store, parent, step, argv, values)
  try {
    const code = await run(order)
    if (code !== 0)
      throw new UsageError(`the step failed, with exit code ${code}: ${step.name}`, code === 125 ? 125 : 1)
    return await store.commit(upper, wish, order.spec.mechanisms.includes('user') ? { ids: order.spec.ids } : {})
  } finally {
    remove()
  }
}

/** A container for one step, which keeps what it changes. */
async function orderFor(
  store: Store,
  parent: Image | undefined,
  step: Step,
  argv: string[],
  values: Record<string, unknown>,
) {
  const id = newId()
  const asked = { ...network.read(values as never), ...user.read(values as never) }
  const usual = network.withNetwork(choose(values.userns ? { userns: true } : {}), values as never)
  // A copy needs the union and nothing else: the host's own cp would not do, since it follows links out of the image. Root
  // copies what root may read; who is not mounts the union as root of a user namespace.
  const enough = process.getuid?.() === 0 ? ['images'] : ['user', 'images']
  const some = step.copy ? usual.filter((name) => enough.includes(name)) : usual
  const fitting = await user.fit({ mechanisms: some, asked }, false)
  const { mechanisms } = fitting
  const lower = parent ? store.lower(parent) : [nothing(store)]
  const userns = mechanisms.includes('user')
  const idmapped = canBeLayers(lower, mechanisms, ids()) ? [] : foldersToMap(store, lower)
  const made = unionOf(id, lower, { keep: true, userns, idmapped })
  const said = parent ? defaults(parent, argv, []) : undefined
  const copy = step.copy && [
    ...[process.execPath, '--no-warnings', new URL('build/copy.ts', import.meta.url).pathname],
    ...[step.copy.source, made.rootfs, step.copy.target],
  ]
  const order: Order = {
    spec: spec({
      ...{ id, ...made, mechanisms, argv: copy ?? argv, ...fitting.asked },
      ...(copy ? {} : { env: said?.env, cwd: said?.cwd, volumes: network.volumes(values as never) }),
    }),
    layers: mechanisms.map((name) => layer(name, 'solutions')),
  }
  return { order, upper: made.union.upper, remove: () => removeTree(made.union.folder, order.spec) }
}

/** overlayfs wants one lower folder at least. */
function nothing({ root }: Store): string {
  const folder = `${root}/empty`
  mkdirSync(folder, { recursive: true })
  return folder
}

/** A config with what a step says: variables join those that there are, all else takes its place. */
function merged(parent: Image | undefined, { config = {} }: Step) {
  if (!config.Env) return config
  const names = config.Env.map((text) => text.split('=')[0])
  const others = (parent?.config.config?.Env ?? []).filter((text) => !names.includes(text.split('=')[0]))
  return { ...config, Env: [...others, ...config.Env] }
}

function tell(number: number, name: string, image: Image, before: Image | undefined, reused: boolean): void {
  const layer = image.layers.length > (before?.layers.length ?? 0) ? image.layers.at(-1) : undefined
  const what = layer ? `layer ${short(layer.diffId)}` : 'no layer'
  const line = name.replace(/\s+/g, ' ')
  console.log(
    `step ${number}   ${line.length > 44 ? `${line.slice(0, 43)}…` : line}   ${what}${reused ? ', reused' : ''}`,
  )
}
