/**
 * Waits for things that start side by side, such as containers: each boots two Nodes, and one has time while another
 * waits. Where one does not start, the others are ended.
 *
 * @throws what the first that did not start has thrown
 */
export async function together<T extends AsyncDisposable[]>(
  ...starts: { [I in keyof T]: Promise<T[I]> }
): Promise<T & AsyncDisposable> {
  const results = await Promise.allSettled(starts)
  const started = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const end = () => started.map((one) => one[Symbol.asyncDispose]())
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) {
    await Promise.allSettled(end())
    throw failed.reason
  }
  return Object.assign(started as T, { [Symbol.asyncDispose]: async () => void (await Promise.all(end())) })
}
