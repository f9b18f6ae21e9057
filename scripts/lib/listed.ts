import type { Port } from '#given/net/network.ts'
import type { Box } from './boxes.ts'
import { fittedTable, onOneLine } from './fitted.ts'
import { portsOf, statusText } from './status.ts'

const HEADINGS = ['NAME', 'ID', 'IMAGE', 'COMMAND', 'STATUS', 'PORTS']

/** What may be cut: the rest is `Exited (137) 12 minutes ago` and an id, and with them 80 columns are full. */
const LEAST = { NAME: 8, IMAGE: 6, COMMAND: 7, PORTS: 10 }

/** Prints containers, a line each, for people. */
export function listBoxes(boxes: Box[], rootOf: (box: Box) => string): void {
  const rows = boxes.map((box) => [
    box.name,
    box.id,
    ...[rootOf(box), box.spec.argv.join(' ')].map(onOneLine),
    statusText(box.state),
    portsOf(box).map(portText).join(', '),
  ])
  fittedTable(HEADINGS, rows, LEAST)
}

function portText({ ip, host, container, protocol }: Port): string {
  return `${ip ? `${ip}:` : ''}${host}->${container}/${protocol}`
}

/** What `box ps --json` says of a container. */
export function plain(box: Box, root: string) {
  const { id, name, spec, created, state } = box
  return {
    ...{ id, name, image: root, command: spec.argv, created },
    ...{ status: state.status, since: state.since, exitCode: state.exitCode ?? null },
    ...{ pid: state.entry?.container.pid ?? null, foreground: !box.kept, ports: portsOf(box) },
  }
}
