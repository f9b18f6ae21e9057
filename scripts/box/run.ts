import { UsageError } from '#given/errors.ts'
import { statSync } from '#given/fs.ts'
import type { Volume } from '#given/mechanism.ts'
import { type Order, quit, run } from '#given/run.ts'
import { newId, spec } from '#given/spec.ts'
import { choose, mechanismNames } from '#given/stack.ts'
import { type Arguments, command, type Options, takesNext } from '../lib/command.ts'
import { yours } from '../lib/yours.ts'
import * as limits from './options/limits.ts'
import * as network from './options/network.ts'
import * as privileges from './options/privileges.ts'
import { findRoot, inCallersFolder, isRoot, unionFor } from './options/root.ts'
import * as startup from './options/startup.ts'
import * as user from './options/user.ts'

/*
 * What is imported above is what every container needs, for its start is measured: npm run bench. The rest comes when
 * it is wanted.
 */

const options: Options = {
  detach: { type: 'boolean', short: 'd', description: 'in the background; it prints its id, and is kept until box rm' },
  rm: { type: 'boolean', description: 'with -d: remove it when it has ended. In the foreground it always goes' },
  interactive: { type: 'boolean', short: 'i', description: 'with -d: leave its input open, for box attach' },
  tty: { type: 'boolean', short: 't', description: 'a terminal of its own' },
  only: { type: 'string', multiple: true, value: 'A,B', description: 'with these mechanisms alone; in a lab' },
  without: { type: 'string', multiple: true, value: 'A,B', description: 'with all mechanisms but these; in a lab' },
  name: { type: 'string', value: 'NAME', description: 'what to call it: a-z, 0-9, - and _' },
  hostname: { type: 'string', value: 'NAME', description: 'its host name; box unless given' },
  domainname: { type: 'string', value: 'NAME', description: 'its NIS domain name' },
  volume: {
    type: 'string',
    short: 'v',
    multiple: true,
    value: 'H:C[:ro]',
    description: 'show it H of the host as C; often, too',
  },
  ...startup.options,
  ...network.options,
  ...user.options,
  ...limits.options,
  ...privileges.options,
  entrypoint: {
    type: 'string',
    value: 'CMD',
    description: "in place of the image's, a word or a JSON array; '' is none",
  },
  rw: { type: 'boolean', description: 'let it write to ROOTFS itself, and keep that' },
  init: { type: 'boolean', description: 'keep an init as pid 1, which forwards signals and reaps' },
  reference: { type: 'boolean', description: 'with the finished mechanisms, not yours' },
  mine: { type: 'boolean', description: 'with yours, whether or not their checks pass; in a lab' },
  verbose: { type: 'boolean', description: 'print each system call of the engine, in order' },
}

const { own, argv } = split(process.argv.slice(3))
const verb = process.argv[2] // or create: create.ts

await command(
  {
    name: 'box',
    usage: `npm run box -- ${verb} [OPTIONS] [IMAGE|ROOTFS] -- CMD …`,
    about: `${verb === 'create' ? 'Prepares a container for box start' : 'Runs a command in a container'}: with each of your mechanisms whose check passes, and the finished ones for the
rest. What comes after the second -- is the command, the image's own if nothing does. Without that --, the first
word that is no option is IMAGE or ROOTFS if it is a folder, an image or has a / or :, and else the command. ROOTFS is a
folder, the one of npm run rootfs unless given; IMAGE is one of npm run box -- images.

What the container changes goes into a layer of its own, and is gone with it; with -d it is kept until box rm.
Exit codes: the command's own, 128 plus the signal that ended it, 127 not found, 126 not executable, 125 any other
failure to start it, 2 for what makes no sense as a command line.`,
    options,
    examples: [
      'npm run box -- run -- sh',
      'npm run box -- run --hostname web --volume ./site:/srv:ro -- ls /srv',
      'npm run box -- run debian:12 -- cat /etc/os-release',
      'npm run box -- run -it -- bash',
      'npm run box -- run -d --name web --publish 8080:80 -- httpd',
      'npm run box -- run --without pid -- ps -e     what is it for?',
      'npm run box -- run --only uts --mine -- hostname',
    ],
    args: own,
    failure: 125,
    needsLinux: true,
    who: user.who,
  },
  async ({ values, positionals: [wish] }) => {
    if (wish === undefined && argv.length === 0) throw new UsageError(noCommand(wish, false))
    if (wish !== undefined && argv.length === 0 && isFile(wish)) throw new UsageError(noCommand(wish, false))
    const root = await findRoot(wish)
    const image = root.chosen && (await import('./options/image.ts'))
    const said = root.chosen && image?.defaults(root.chosen.image, argv, await entrypoint(values.entrypoint))
    const words = said?.argv ?? argv
    if (words.length === 0) throw new UsageError(noCommand(wish, root.chosen !== undefined))
    if (said?.user !== undefined) values.user ??= said.user
    const only = await names(values.only)
    const without = await names(values.without)
    const inLab = Boolean(only ?? without ?? values.mine)
    const keep = Boolean(values.detach) || verb === 'create'
    if (keep) (await import('./options/kept.ts')).mayBeKept(values, inLab)
    const wanted = {
      ...network.read(values),
      ...user.read(values),
      ...limits.read(values),
      ...(await privileges.read(values)),
    }
    const userns = values.userns ? true : undefined
    const chosen = network.withNetwork(choose({ only, without, userns }), values)
    const { mechanisms, asked } = await user.fit({ mechanisms: chosen, asked: wanted }, inLab)
    limits.mustHave(mechanisms, values)
    privileges.mustHave(mechanisms, values)
    if (values.tty) (await import('./options/kept.ts')).mustHaveDev(mechanisms)
    const id = newId()
    const order: Order = {
      spec: spec({
        id,
        argv: words,
        ...(await unionFor(id, root, mechanisms, { inLab, keep, rw: Boolean(values.rw) })),
        mechanisms,
        env: { ...said?.env, ...startup.environment(values) },
        volumes: [...network.volumes(values), ...(await volumes(list(values.volume), inLab))],
        ...(values.tty ? { terminal: (await import('./options/kept.ts')).terminalSize() } : {}),
        init: Boolean(values.init),
        name: containerName(values.name),
        cwd: startup.folder(values.workdir ?? said?.cwd),
        hostname: name(values.hostname, 'hostname'),
        domainname: name(values.domainname, 'domainname'),
        ...asked,
      }),
      layers: await yours(mechanisms, values),
      verbose: Boolean(values.verbose),
    }
    if (values.tty) order.tools = (await yours(['box'], { ...values, quiet: true }))[0]?.file ?? ''
    if (values.name !== undefined && !inLab && !keep)
      (await import('../../lessons/11-box/given/kept.ts')).refuseTaken(order.spec.name)
    if (keep) return (await import('./options/kept.ts')).keep(order, root.chosen, values, verb === 'run')
    const start = async () => run(inLab ? await movedToLab(order) : order)
    quit(image && root.chosen ? await image.holding(root.chosen, order.spec, start) : await start())
  },
)

/** Parts the arguments that are ours from the command, whose options are its own. */
function split(args: string[]): { own: string[]; argv: string[] } {
  let rootfs = false
  for (let i = 0; i < args.length; i++) {
    const word = args[i] ?? ''
    if (word === '--') return { own: args.slice(0, i), argv: args.slice(i + 1) }
    if (word.startsWith('-')) {
      if (takesNext(word, options)) i++ // its value is the next word
    } else if (rootfs || !(isRoot(word) || args[i + 1] === '--')) {
      return { own: args.slice(0, i), argv: args.slice(i) }
    } else rootfs = true
  }
  return { own: args, argv: [] }
}

function noCommand(root: string | undefined, image: boolean): string {
  if (root === undefined) return 'which command? For a shell: npm run box -- run -- sh'
  if (image) return `which command? The image ${root} names none. For a shell: npm run box -- run ${root} -- sh`
  const file = isFile(root)
  const why = file ? 'is a file, and was taken for the root, since it has a slash' : 'was taken for the root'
  return `which command? ${root} ${why}. The command comes after --:\n  npm run box -- run -- ${file ? root : 'sh'}`
}

function isFile(path: string): boolean {
  return statSync(inCallersFolder(path), { throwIfNoEntry: false })?.isFile() === true
}

function list(value: Arguments['values'][string]): string[] {
  return (value ?? []) as string[]
}

/** The names after --only or --without. */
async function names(value: Arguments['values'][string]): Promise<string[] | undefined> {
  if (value === undefined) return undefined
  const wanted = list(value).flatMap((text) => text.split(',').map((name) => name.trim()))
  const known = mechanismNames()
  const unknown = wanted.find((name) => !known.includes(name))
  if (unknown === undefined) return wanted
  const { suggest } = await import('../lib/suggest.ts')
  throw new UsageError(`there is no mechanism '${unknown}'. ${suggest(unknown, known)}`)
}

async function entrypoint(value: Arguments['values'][string]): Promise<string[] | undefined> {
  if (value === undefined) return undefined
  const text = String(value)
  if (!text.startsWith('[')) return text === '' ? [] : [text]
  return (await import('./options/config.ts')).parseCommand(text)
}

async function volumes(texts: string[], inLab: boolean): Promise<Volume[]> {
  if (texts.length === 0) return []
  const { volume } = await import('./options/volume.ts')
  return texts.map((text) => volume(text, inLab))
}

function containerName(value: Arguments['values'][string]): string | undefined {
  if (value === undefined || /^[a-z0-9][a-z0-9_-]{0,62}$/.test(String(value))) return value as string | undefined
  const shown = JSON.stringify(value).slice(0, 80)
  throw new UsageError(`--name ${shown}: a name has a-z, 0-9, - and _, begins with a letter or digit, and has up to 63`)
}

/** A name for the kernel. It keeps 64 bytes: uts_namespaces(7), __NEW_UTS_LEN. */
function name(value: Arguments['values'][string], option: string): string | undefined {
  const length = Buffer.byteLength(String(value ?? ''))
  if (length > 64) throw new UsageError(`--${option}: the kernel keeps 64 bytes of a name, and this one has ${length}`)
  return value as string | undefined
}

/** With parts left out, or not yet checked, a container may harm its host: it gets one of its own. */
async function movedToLab(order: Order): Promise<Order> {
  const [{ labOrder }, { LAB_ROOTFS }] = await Promise.all([import('#given/lab-order.ts'), import('#given/lab.ts')])
  const { union, rootfs } = order.spec
  const inside: Order = union ? order : { ...order, spec: { ...order.spec, rootfs: LAB_ROOTFS } }
  const runner = new URL(import.meta.resolve('#given/run.ts')).pathname
  const inherited = union ? undefined : rootfs
  return labOrder([process.execPath, '--no-warnings', runner, JSON.stringify(inside)], 'host', {}, inherited)
}
