import { afterAll, beforeAll, expect, test } from 'vitest'
import { olderThan } from '#given/kernel.ts'
import { LAB_ROOTFS } from '#given/lab.ts'
import { type Lab, openLab, type Result } from '#given/labs.ts'
import { project } from '#given/spec.ts'
import { addLearner, GID, UID } from '#given/user/learner.ts'

// Images of one who is not root. In a lab, which has such a user, and ids for him.

const STORE = '/run/learner/.local/share/container-workshop'

let host: Lab
let learner: string[]
beforeAll(async () => {
  host = await openLab()
  learner = await addLearner(host)
  await sh(`cp -a ${LAB_ROOTFS} /run/learner/root && chown -R ${UID}:${GID} /run/learner/root`)
})
afterAll(() => host?.close())

function box(verb: string, ...args: string[]): Promise<Result> {
  const command = [...learner, process.execPath, '--no-warnings', `${project}/scripts/box.ts`, verb, ...args]
  const env = { XDG_RUNTIME_DIR: '/run', WORKSHOP_HERE: '1', WORKSHOP_NET: 'none' }
  return host.exec(command, { env })
}

async function sh(script: string): Promise<string> {
  const { stdout, stderr, code } = await host.exec(['sh', '-c', script])
  expect(code, stderr).toBe(0)
  return stdout
}

const left = async () => (await sh(`ls ${STORE}/containers`)).trim()

test('a root of his own stays as it is, and what other users of the container leave goes, too', async () => {
  const script = 'rm /etc/passwd; mkdir -m 700 /srv/d; touch /srv/d/x; chown -R 5:5 /srv/d; stat -c %u /srv/d'
  const { stdout, stderr } = await box('run', '--reference', '/run/learner/root', '--', 'sh', '-c', script)
  expect({ stdout, stderr }).toEqual({ stdout: '5\n', stderr: '' })
  expect(await sh('ls /run/learner/root/etc/passwd /run/learner/root/srv')).toBe(
    '/run/learner/root/etc/passwd\n\n/run/learner/root/srv:\n',
  )
  expect(await left(), 'he may not remove what is user 5’s, but a process in such a user namespace may').toBe('')
})

test('a root that is root’s is no layer of his: he may look at it, and not write', async () => {
  const script = 'id -u; touch /x'
  const { stdout, stderr } = await box('run', '--reference', LAB_ROOTFS, '--', 'sh', '-c', script)
  expect(stdout).toBe('0\n')
  expect(stderr).toMatch(/Permission denied|Read-only/)
})

test.skipIf(olderThan(6, 6))('an image: built, run, committed (a tmpfs takes user.* since Linux 6.6)', async () => {
  expect((await box('import', '/run/learner/root', 'base')).stderr).toBe('')
  const steps = ['--run', 'rm -r /home; mkdir /home; echo x > /home/x', '--copy', '/run/learner/root/etc/group:/srv/']
  const built = await box('build', '--from', 'base', ...steps, '--tag', 'his')
  expect(built).toMatchObject({ code: 0, stderr: '' })
  const { stdout } = await box('run', '--reference', 'his', '--', 'sh', '-c', 'ls /home /srv; stat -c %u /etc/group')
  expect(stdout, 'all files are his, which is root in there').toBe('/home:\nx\n\n/srv:\ngroup\n0\n')
  expect(await left()).toBe('')
})
