import { expect, test } from 'vitest'
import { openLab } from '#given/labs.ts'
import { lesson } from './lesson.ts'

test('04.1 the container has the name that you gave it', async () => {
  await using host = await openLab({ lesson, hostname: 'host' })
  const box = await host.run(['hostname'], { hostname: 'box', task: '04.1' })

  expect(box.stderr).toBe('')
  expect(box.stdout, 'hostname(1) in the container asks the kernel: uname(2)').toBe('box\n')

  const tooLong = await host.run(['hostname'], { hostname: 'x'.repeat(65), task: '04.1' })
  expect(tooLong.stderr, '65 characters: the kernel says no, and your code must not hide it').toMatch(
    /sethostname\(2\).*EINVAL/,
  )
})

test('04.2 the host keeps its own name', async () => {
  await using host = await openLab({ lesson, hostname: 'host' })
  await using box = await host.start(['sleep', '60'], { hostname: 'box', domainname: 'lab.example', task: '04.2' })

  expect(await host.hostname(), 'your code renamed the host: uts_namespaces(7)').toBe('host')
  const domainname = await host.read('/proc/sys/kernel/domainname')
  expect(domainname, "your code changed the host's NIS domain name").not.toContain('lab.example')
  const own = await host.namespace(box.pid, 'uts')
  const theirs = await host.namespace('self', 'uts')
  expect(own, `04.2 not written yet: flags is 0, so /proc/${box.pid}/ns/uts is the host's`).not.toBe(theirs)
})

test('04.3 the container has the NIS domain name that you gave it', async () => {
  await using host = await openLab({ lesson, hostname: 'host' })
  const box = await host.run(['cat', '/proc/sys/kernel/domainname'], { domainname: 'café.example', task: '04.3' })

  expect(box.stderr).toBe('')
  expect(box.stdout, 'setdomainname(2) wants the length in bytes, not characters').toBe('café.example\n')
})
