import { cloneElement } from 'preact'
import { type Block, column, framed, row, text } from '../observe/draw/blocks.ts'
import { type CurveOptions, curve, HEIGHT, WIDTH } from '../observe/draw/curves.ts'
import { drawingOf } from '../observe/draw/picture.ts'
import { POINTS } from '../observe/model.ts'
import type { Picture } from './describe.ts'
import { space, table } from './sketch.ts'

const title = 'Three cgroups: a limit, and two weights'

export const picture: Picture = {
  title,
  description: `On cgroup v2 a group is a folder below /sys/fs/cgroup. The group workshop-web has memory.max 24M. Its
process took memory until it met the limit; the kernel killed it, counted one oom_kill in memory.events, and the memory
was free again. The groups workshop-a and workshop-b each have a loop on the same CPU: with cpu.weight 100 and 25 the first
gets four fifths of it, the second one fifth. Then a 1 in cgroup.freeze of workshop-a stops all in it, and workshop-b has
all of the CPU, until a 0 lets the first go on.`,
  draw() {
    const groups = [
      group('workshop-web', { 'memory.max': '24M' }, ['memory', memory], 'memory.events counts 1 kill'),
      group('workshop-a', { 'cpu.weight': '100' }, ['CPU, 0 to 100 %', cpuOfA], 'cgroup.freeze: 0, 1, then 0'),
      group('workshop-b', { 'cpu.weight': '25' }, ['CPU, 0 to 100 %', cpuOfB], 'takes what is free'),
    ]
    const tree = framed(column([text('/sys/fs/cgroup', 16, 'strong'), row(groups, 10)], 10), 10, 'room same')
    return drawingOf(tree, { title, description: picture.description })
  },
}

function group(
  name: string,
  limit: Record<string, string>,
  [what, options]: [string, CurveOptions],
  effect: string,
): Block {
  const parts = [table(limit), space(0, 2), text(`${what}, a minute`, 12, 'soft'), drawCurve(options), text(effect, 13)]
  return framed(column([text(name, 14, 'strong'), ...parts], 5), 10, 'process')
}

const SCALE = 1.7

function drawCurve(options: CurveOptions): Block {
  const [width, height] = [WIDTH * SCALE, HEIGHT * SCALE]
  return { width, height, at: (x, y) => cloneElement(curve(options), { x, y, width, height }) }
}

const minute = (at: (second: number) => number) => Array.from({ length: POINTS }, (_, second) => at(second))

const MIB = 1024 // in KiB
const KILLED = 46
const memory: CurveOptions = {
  values: minute((second) => (second > KILLED ? 1 : Math.min(24, 1 + second * 0.52)) * MIB),
  top: 24 * MIB,
  limit: 24 * MIB,
  kind: 'memory',
}

const isFrozen = (second: number) => second > 20 && second <= 40
const cpuOfA: CurveOptions = { values: minute((second) => (isFrozen(second) ? 0 : 80)), top: 100, kind: 'cpu' }
const cpuOfB: CurveOptions = { values: minute((second) => (isFrozen(second) ? 100 : 20)), top: 100, kind: 'cpu' }
