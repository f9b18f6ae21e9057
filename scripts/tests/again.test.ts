import { closeSync, writeSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { again } from '#given/again.ts'
import { bind } from '#given/libc.ts'

const O_NONBLOCK = 0o4000
const pipe2 = bind('int pipe2(int *pipefd, int flags)')
const read = bind('ssize_t read(int fd, void *buf, size_t count)')

const ends = new Int32Array(2)
pipe2(ends, O_NONBLOCK)
const [from = -1, to = -1] = ends
afterAll(() => [from, to].forEach(closeSync))

test('EAGAIN: asked until the kernel has another answer, but not for ever', () => {
  let asked = 0
  const look = () => {
    if (++asked === 3) writeSync(to, 'it')
    return read(from, Buffer.alloc(8), 8)
  }
  expect(again(look)).toBe(2)
  expect(asked).toBe(3)
  expect(() => again(look)).toThrow('read(2): EAGAIN')
  expect(asked).toBe(1003)
})

test('any other error: once', () => {
  let asked = 0
  const look = () => {
    asked++
    return read(-1, Buffer.alloc(8), 8)
  }
  expect(() => again(look)).toThrow('read(2): EBADF')
  expect(asked).toBe(1)
})
