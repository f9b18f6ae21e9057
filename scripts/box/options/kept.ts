import { type Size, sizeOf } from '#given/console.ts'
import { UsageError } from '#given/errors.ts'
import type { Order } from '#given/run.ts'
import { create, type Kept, remove, tidy } from '../../../lessons/11-box/given/kept.ts'
import { startDetached } from '../../../lessons/11-box/given/supervisor.ts'
import type { Arguments } from '../../lib/command.ts'
import type { Chosen } from './image.ts'

/** What cannot be had of a container that runs without us. */
export function mayBeKept(values: Arguments['values'], inLab: boolean): void {
  if (inLab)
    throw new UsageError(
      '-d with --only, --without or --mine: they run in a lab, which ends with its command. Leave out -d',
    )
  if (values.verbose) throw new UsageError('-d with --verbose: there would be nobody to read it. Leave out -d')
}

/** A terminal is a device, and one of the container's own takes a /dev of its own. */
export function mustHaveDev(mechanisms: string[]): void {
  if (mechanisms.includes('mount')) return
  throw new UsageError("--tty: its own /dev/pts takes the mechanism 'mount', which this container is not to have")
}

const USUAL: Size = { rows: 24, columns: 80 }

/** As large as yours, where you have one. */
export function terminalSize(): Size {
  return sizeOf(0) ?? sizeOf(1) ?? USUAL
}

/** Keeps a container, starts it if that is asked for, and prints its id. */
export async function keep(
  order: Order,
  chosen: Chosen | undefined,
  values: Arguments['values'],
  start: boolean,
): Promise<number> {
  const { id, name } = order.spec
  await tidy()
  const container: Kept = {
    order,
    created: Date.now(),
    ...(chosen ? { image: chosen.wish, ...stopSignal(chosen) } : {}),
    interactive: Boolean(values.interactive),
    remove: Boolean(values.rm),
  }
  await create(container, async () => chosen?.store.hold(chosen.image, { id, name }))
  const report = start ? startDetached(container) : undefined
  if (report && 'error' in report) {
    await remove(container)
    console.error(`box: ${report.error}`)
    return report.code
  }
  console.log(id)
  return 0
}

function stopSignal({ image }: Chosen): { stopSignal?: string } {
  const signal = image.config.config?.StopSignal
  return signal ? { stopSignal: signal } : {}
}
