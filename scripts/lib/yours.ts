import { type Layer, layer } from '#given/stack.ts'
import type { Arguments } from './command.ts'

/** The learner's file for each mechanism whose check passes on it, the reference for the others; it says which. */
export async function yours(mechanisms: string[], { mine, reference, quiet }: Arguments['values']): Promise<Layer[]> {
  if (reference) return mechanisms.map((name) => layer(name, 'solutions'))
  const { isPassed } = await import('../lib/progress.ts')
  const layers = mechanisms.map((name) => {
    const own = layer(name, 'lessons')
    return mine || isPassed(own.file.split('/').at(-2) ?? '', own.file) ? own : layer(name, 'solutions')
  })
  if (quiet) return layers
  const from = (tree: string) => layers.filter(({ file }) => file.includes(`/${tree}/`)).map(({ name }) => name)
  const parts = [['yours', from('lessons')] as const, ['reference', from('solutions')] as const]
  console.error(
    `box: ${parts.flatMap(([whose, of]) => (of.length > 0 ? `${whose}: ${of.join(' ')}` : [])).join(' · ')}`,
  )
  return layers
}
