import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Lab, openLab } from '#given/labs.ts'

// What given/union.ts does for lesson 10, on a host of its own.

let host: Lab
beforeAll(async () => {
  host = await openLab()
})
afterAll(() => host?.close())

const union = new URL('../../lessons/00-foundation/given/union.ts', import.meta.url).pathname

test('where the host has a mount of the container, removeTree() says so, and not only that something is busy', async () => {
  await host.exec(['sh', '-ec', 'mkdir -p /run/box/root /run/boxes; mount -t tmpfs union /run/box/root'])
  const script = `
    const { removeTree } = await import('${union}')
    const remove = () => removeTree('/run/box', { mechanisms: [] })
    try {
      remove()
    } catch (error) {
      console.log(error.message)
    }
    process.getBuiltinModule('node:child_process').execFileSync('umount', ['/run/box/root'])
    remove()`
  const node = [process.execPath, '--no-warnings', '--input-type=module', '--eval', script]
  expect(await host.exec(node)).toEqual({
    code: 0,
    stderr: '',
    stdout:
      'the host still has the mount on /run/box/root: make all mounts private first (10.4), mount_namespaces(7)\n',
  })
  expect((await host.exec(['sh', '-c', 'ls -d /run/box*'])).stdout, 'once it is unmounted').toBe('/run/boxes\n')
})
