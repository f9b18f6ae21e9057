/*
 * Two programs that share memory:
 *
 *     node memory.ts FILE KEY TEXT
 *
 * Says what lies in the segment with that key, writes TEXT there, waits for input, and says what lies there now.
 * `segment` of FILE finds the segment: the learner's or the reference's.
 */
import { explain } from '#given/explain.ts'
import { bind, koffi } from '#given/libc.ts'

const SIZE = 4096

const shmat = bind('long shmat(int shmid, const void *shmaddr, int shmflg)')

try {
  const [file = '', key = '', text = ''] = process.argv.slice(2)
  const { segment }: { segment(key: number, size: number): number } = await import(file)
  const address = shmat(segment(Number(key), SIZE), null, 0)
  const memory = Buffer.from(koffi.view(BigInt(address), SIZE))
  const content = () => memory.toString('utf8', 0, memory.indexOf(0))

  console.log(`found '${content()}'`)
  memory.write(`${text}\0`)
  for await (const _ of process.stdin) break
  console.log(`left '${content()}'`)
} catch (error) {
  console.error(explain(error))
  process.exitCode = 1
}
