import { expect, test } from 'vitest'
import { together } from '#given/together.ts'

/** Something that starts, and remembers whether it was ended. */
class Thing implements AsyncDisposable {
  ended = false
  async [Symbol.asyncDispose](): Promise<void> {
    this.ended = true
  }
}

test('what started side by side is there in the order asked for, and ends together', async () => {
  const [first, second] = [new Thing(), new Thing()]
  const late = Promise.withResolvers<Thing>()
  setImmediate(() => late.resolve(first))
  {
    await using both = await together(late.promise, Promise.resolve(second))
    expect([...both]).toEqual([first, second])
    expect([first.ended, second.ended]).toEqual([false, false])
  }
  expect([first.ended, second.ended]).toEqual([true, true])
})

test('where one does not start, its error is thrown once the others have been ended, even one that starts later', async () => {
  const thing = new Thing()
  const late = Promise.withResolvers<Thing>()
  setImmediate(() => late.resolve(thing))
  await expect(together(Promise.reject(new Error('no cable')), late.promise)).rejects.toThrow('no cable')
  expect(thing.ended).toBe(true)
})
