import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeAll } from 'vitest'
import { ensureRootfs } from '#given/rootfs.ts'
import { running } from '#given/running.ts'
import { Collector } from '../observe/collector.ts'
import { said, start } from './boxes.ts'

/** What a test started; it is ended after it. */
export const started: ChildProcess[] = []

/** To be called once in a file. */
export function observing(): void {
  beforeAll(() => void ensureRootfs())
  afterEach(async () => {
    for (const child of started.splice(0)) await end(child)
  })
}

/** A container that reads until there is no more: so it ends by itself, and its engine cleans up. end() is up to you. */
export async function lasting(name: string, ...options: string[]): Promise<ChildProcess> {
  const child = start(['--reference', '--name', name, ...options, '--', 'sh', '-c', 'echo ready; sleep 600 & cat'])
  await said(child, 'ready')
  return child
}

/** The same for one test. */
export async function container(name: string, ...options: string[]): Promise<ChildProcess> {
  const child = await lasting(name, ...options)
  started.push(child)
  return child
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  if (child.stdin) child.stdin.end()
  else child.kill('SIGKILL')
  await ended
}

/** The first process of a container, as the host numbers it. */
export const pidOf = (name: string) =>
  running().find(({ container: { spec } }) => spec.name === name)?.container.pid ?? 0

/** Watches this machine for as long as a test needs it. */
export async function watching<T>(body: (collector: Collector) => Promise<T>): Promise<T> {
  const collector = new Collector()
  const leave = collector.watch(() => {})
  try {
    return await body(collector)
  } finally {
    leave()
  }
}
