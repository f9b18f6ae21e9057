import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { project } from '../lib/lessons.ts'
import { readCommands, widthFaults, withOutput } from '../transcripts/commands.ts'
import { rightCodes } from '../transcripts/execute.ts'
import { anchorsOf, linkFaults } from '../transcripts/links.ts'
import { manFaults, readList, referencesOf, renewedList } from '../transcripts/man.ts'
import { mask, matches } from '../transcripts/mask.ts'

const folder = mkdtempSync(join(tmpdir(), 'workshop-transcripts-'))
afterAll(() => rmSync(folder, { recursive: true }))

const block = (...lines: string[]) => ['```console', ...lines, '```', ''].join('\n')

test('a block is commands, each with what it prints', () => {
  const commands = readCommands(`# Title\n\n${block('$ id -u', '0', '', '$ true')}`)
  expect(commands).toMatchObject([
    { typed: 'id -u', shown: ['0'], line: 4 },
    { typed: 'true', shown: [], line: 7 },
  ])
})

test('what a demo prints may begin with $, and npm is the next command', () => {
  const commands = readCommands(block('$ npm run demo 04', '', '$ hostname', 'box', '$ npm run check 04'))
  expect(commands.map(({ typed }) => typed)).toEqual(['npm run demo 04', 'npm run check 04'])
  expect(commands[0]?.shown).toEqual(['', '$ hostname', 'box'])
})

test('only console blocks are transcripts', () => {
  expect(readCommands('```ts\n$ no\n```\n\n````\n```console\n$ no\n```\n````\n')).toEqual([])
})

test('a comment above a block says why it does not run, or where', () => {
  expect(readCommands(`<!-- not run: two shells -->\n${block('$ a', '$ b')}`)).toMatchObject([
    { notRun: 'two shells' },
    { notRun: 'two shells' },
  ])
  expect(readCommands(`<!-- only if: test -e /x -->\n${block('$ a')}`)).toMatchObject([{ onlyIf: 'test -e /x' }])
  expect(readCommands(`<!-- a remark -->\n${block('$ a')}`)[0]).not.toHaveProperty('notRun')
})

test.for([
  ['inodes', 'uts   uts:[4026532178]   its own', 'uts  uts:[99]  its own'],
  ['releases of kernels', 'uname -r   6.18.44-fc-v509   6.1.0', 'uname -r 6.1.0-56-cloud-amd64 7.0'],
  ['masks of capabilities', 'CapEff:\t000001fffebfffff', 'CapEff:\t0000000000000000'],
  ['ids', '/docker/cd0bb19b3093… sha256:bf24e46faa4a', '/docker/42bdcb28ac15… sha256:0d99b0c0a23f'],
  ['times and sizes', 'at 02:45:33, 0.08 s, 217 MiB', 'at 11:59:01, 12 s, 1.5 MiB'],
  ['times in words', 'Exited (137) 1 second ago', 'Exited (137) 12 minutes ago'],
  ['plots', '  24 MB ▏  ▁▂▃', '  24 MB ▏█▁'],
])('%s may differ', ([, one = '', other = '']) => {
  expect(mask(one)).toBe(mask(other))
})

test.for([
  ['a word', 'ns/uts   uts:[1]   its own', "ns/uts   uts:[1]   the host's"],
  ['a kind of namespace', 'uts:[1]', 'ipc:[1]'],
  ['an error', 'EPERM', 'works'],
  ['a number that became a word', 'pid 1', 'pid none'],
  ['a cell that is gone', '0   1', '0'],
])('%s may not differ', ([, one = '', other = '']) => {
  expect(mask(one)).not.toBe(mask(other))
})

test('lines count, and … stands for any of them', () => {
  expect(matches(['a', 'b'], ['a', 'b'])).toBe(true)
  expect(matches(['a', 'b'], ['a', 'b', 'c'])).toBe(false)
  expect(matches(['a', '…', 'z'], ['a', 'b', 'c', 'z'])).toBe(true)
  expect(matches(['a', '…', 'z'], ['a', 'z'])).toBe(true)
  expect(matches(['a', '…', 'z'], ['a', 'b'])).toBe(false)
  expect(matches(['(a.b)*'], ['aab'])).toBe(false)
})

test('the renewed text has the new lines, and all else as it was', () => {
  const text = `before\n${block('$ one', 'old', '$ two', 'stays', '$ three', 'old', 'old')}after\n`
  const [one, , three] = readCommands(text)
  if (!one || !three) throw new Error('three commands')
  const renewed = withOutput(
    text,
    new Map([
      [one, ['new', 'new']],
      [three, ['new']],
    ]),
  )
  expect(renewed).toBe(`before\n${block('$ one', 'new', 'new', '$ two', 'stays', '$ three', 'new')}after\n`)
})

test('a starter fails its checks; where output is shown, it tells; all else succeeds', () => {
  expect(rightCodes({ typed: 'npm run check 04', shown: [] })).toEqual([0, 1])
  expect(rightCodes({ typed: 'npm run check 04 -- --reference', shown: [] })).toEqual([0])
  expect(rightCodes({ typed: 'npm run demo 04', shown: ['x'] })).toEqual([0])
  expect(rightCodes({ typed: 'cat /nothing', shown: ['cat: …'] })).toBe('any')
  expect(rightCodes({ typed: 'true', shown: [] })).toEqual([0])
})

test('a line that a terminal would wrap is a fault, and one that is typed is not', () => {
  const text = block(`$ ${'x'.repeat(90)}`, '▏'.repeat(80), 'y'.repeat(81))
  expect(widthFaults('a.md', text)).toMatchObject([{ file: 'a.md', line: 4 }])
})

test('anchors are as GitHub makes them', () => {
  const text = "# 05 · Memory's `shm`\n\n## See [it](x.md)\n\n## See it\n\n## a_b: c-d, *e*\n\n```sh\n# no\n```\n"
  expect(anchorsOf(text)).toEqual(['05--memorys-shm', 'see-it', 'see-it-1', 'a_b-c-d-e'])
})

test.for([
  ['[a](there.md)', undefined],
  ['[a](there.md#a-heading) and [b](#here)\n\n# Here', undefined],
  ['[a](https://example.org/x) <https://example.org>', undefined],
  ['`[a](nowhere.md)`\n\n```\n[a](nowhere.md)\n```', undefined],
  ['[a](nowhere.md)', 'there is no such file'],
  ['![a](nowhere.png "title")', 'there is no such file'],
  ['[a]: nowhere.md', 'there is no such file'],
  ['[`a`](there.md#nothing)', 'there is no such heading'],
  ['[a](#nothing)', 'there is no such heading'],
  ['[a](../../../etc/passwd)', 'leads out of the repository'],
  ['[a](https:/example.org)', 'no address of the web'],
])('%s', ([text = '', says]) => {
  writeFileSync(join(folder, 'there.md'), '## A heading\n')
  writeFileSync(join(folder, 'this.md'), text)
  const faults = linkFaults(folder, 'this.md', text).map((fault) => fault.says.replace(/.*: /, ''))
  expect(faults).toEqual(says ? [says] : [])
})

test('references to man pages are found in prose, comments and strings, and not in code', () => {
  const pages = (file: string, text: string) => referencesOf(file, text).map(({ page, line }) => `${line} ${page}`)
  expect(pages('a.md', 'See *proc_pid_status(5)*, _mount(2)_.\n\n```sh\nf(1)\n```\n`ip-link(8)`')).toEqual([
    '1 proc_pid_status(5)',
    '1 mount(2)',
    '6 ip-link(8)',
  ])
  const source = `f(1) // mount(2)\n/* a\n uts(7) */ x.slice(1)\nsay('\\nclone(2)', \`a \${g(3)} nft(8)\`)`
  expect(pages('a.ts', source)).toEqual(['1 mount(2)', '3 uts(7)', '4 clone(2)', '4 nft(8)'])
})

test('a page that is not in the list is a fault; what is no longer referred to leaves it', () => {
  const references = [
    { page: 'mount(2)', file: 'a.md', line: 3 },
    { page: 'jail(2)', file: 'a.md', line: 4 },
    { page: 'muont(2)', file: 'a.md', line: 5 },
  ]
  const old = '# The list\nold(2)\nmount(2)\njail(2)  # FreeBSD\n'
  expect(manFaults(references, readList(old))).toMatchObject([{ file: 'a.md', line: 5 }])
  expect(renewedList(references, old)).toBe('# The list\njail(2)  # FreeBSD\nmount(2)\n')
})

test("the repository's own links lead somewhere, and its transcripts fit a terminal", () => {
  const exclude = (name: string) => name === 'node_modules' || (name.startsWith('.') && name !== '.')
  const files = globSync('**/*.md', { cwd: project, exclude })
  expect(files.length).toBeGreaterThan(10)
  const faults = files.flatMap((file) => {
    const text = readFileSync(join(project, file), 'utf8')
    return [...linkFaults(project, file, text), ...widthFaults(file, text)]
  })
  expect(faults).toEqual([])
})
