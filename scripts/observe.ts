import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '#given/errors.ts'
import { callersFolder, command } from './lib/command.ts'
import { Collector } from './observe/collector.ts'
import { lessonNow } from './observe/lesson.ts'
import { documentOf } from './observe/page/document.ts'
import { withPicture } from './observe/page/picture.ts'
import { LOOPBACK, type Serving, serve } from './observe/server.ts'

const PORT = 4026 // namespaces have numbers from 4026531834 on
const ONCE = 3000 // milliseconds: a curve needs some points

await command(
  {
    name: 'observe',
    usage: 'npm run observe [-- --port N | --once FILE]',
    about: `Serves a live picture of this machine and its containers, for a browser: rooms made of namespaces, each process
with all its numbers, cgroups with their curves, capabilities, mounts, links. It only looks. Ctrl-C ends it.
It listens on ${LOOPBACK} alone. In the workshop's VM, take its port to your own machine, then open http://localhost:${PORT}
there: leave this running in the VM, and type on your machine the ssh or vagrant line below.`,
    options: {
      port: { type: 'string', value: 'N', description: `the port; ${PORT} unless given, or a free one` },
      once: { type: 'string', value: 'FILE', description: 'no server: one HTML file with a picture of now' },
    },
    examples: [
      'npm run observe',
      'npm run observe -- --once picture.html',
      `vagrant ssh -- -N -L ${PORT}:${LOOPBACK}:${PORT}      in the folder of the Vagrantfile`,
      `ssh -N -L ${PORT}:${LOOPBACK}:${PORT} USER@MACHINE    any other machine`,
    ],
    needsLinux: true,
  },
  async ({ values }) => {
    const port = portOf(values.port)
    const collector = new Collector({ lesson: lessonNow })
    if (typeof values.once === 'string') return once(collector, resolve(callersFolder, values.once))
    const ended = new Promise<void>((end) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end())
    })
    const serving = await serveAt(collector, port)
    console.log(`http://${LOOPBACK}:${serving.port}   Ctrl-C ends it`)
    await ended
    await serving.close()
    return 0
  },
)

function portOf(wish: unknown): number | undefined {
  if (wish === undefined) return undefined
  const port = Number(wish)
  if (typeof wish === 'string' && /^\d+$/.test(wish) && port <= 65_535) return port
  throw new UsageError(`--port ${String(wish).slice(0, 20)}: a port is a number up to 65535; 0 is any that is free`)
}

async function serveAt(collector: Collector, port: number | undefined): Promise<Serving> {
  const html = documentOf()
  try {
    return await serve(collector, html, port ?? PORT)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE' && port === undefined) return serve(collector, html, 0)
    if (code === 'EADDRINUSE')
      throw new UsageError(`port ${port} is taken. Another one, or no --port: then it finds one`, 1)
    if (code === 'EACCES') throw new UsageError(`port ${port} is for root alone. One from 1024 on`, 1)
    throw error
  }
}

async function once(collector: Collector, file: string): Promise<number> {
  const leave = collector.watch(() => {})
  const before = await collector.now()
  await sleep(ONCE)
  const now = await collector.now()
  leave()
  try {
    writeFileSync(file, withPicture(documentOf(), now, before))
  } catch (error) {
    throw new UsageError(`the picture cannot be written: ${(error as Error).message}`, 1)
  }
  console.log(`${file} is a picture of this machine. It needs nothing else: open it in a browser`)
  return 0
}
