import { afterAll, beforeAll, test } from 'vitest'
import { expect } from '#given/expect.ts'
import { type Lab, openLab } from '#given/labs.ts'
import { type Snapshot, snapshot } from '#given/snapshot.ts'
import { lesson } from './lesson.ts'

let host: Lab
/** The host as it was before any container ran. */
let before: Snapshot
beforeAll(async () => {
  host = await openLab({ lesson, hostname: 'host' })
  before = await snapshot(host)
})
afterAll(() => host?.close())

test('04.1 the container has the name that you gave it', async () => {
  const called = (hostname: string) => host.run(['hostname'], { hostname, task: '04.1' })

  await expect(called('box'), 'hostname(1) in the container asks the kernel: uname(2)').toSay('box\n')
  const tooLong = '65 characters: the kernel says no, and your code must not hide it'
  await expect(called('x'.repeat(65)), tooLong).toBeRefused('sethostname(2)', 'EINVAL')
})

test('04.2 the host keeps its own name', async () => {
  await using box = await host.start(['sleep', '60'], { hostname: 'box', domainname: 'lab.example', task: '04.2' })

  await expect(box, 'your code renamed the host').toLeaveTheHostUntouched(before)
  await expect(box, '04.2 not written yet: flags is 0').toBeInOwnNamespace('uts')
})

test('04.3 the container has the NIS domain name that you gave it', async () => {
  const box = host.run(['cat', '/proc/sys/kernel/domainname'], { domainname: 'déjà.example', task: '04.3' })

  await expect(box, 'setdomainname(2) wants the length in bytes, not characters').toSay('déjà.example\n')
})
