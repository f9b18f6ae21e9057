/*
 * Extended attributes: xattr(7). Node has no functions for them.
 */
import { mkdtempSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { bind } from '#given/libc.ts'
import type { AttributeSpace } from './whiteouts.ts'

const lsetxattr = bind('int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)')
const fsetxattr = bind('int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)')
const fgetxattr = bind('ssize_t fgetxattr(int fd, const char *name, void *value, size_t size)')
const flistxattr = bind('ssize_t flistxattr(int fd, char *list, size_t size)')

const MOST = 65536 // XATTR_SIZE_MAX and XATTR_LIST_MAX

/** Sets an attribute of an open file. */
export function setAttributeOf(fd: number, name: string, value: Uint8Array): void {
  fsetxattr(fd, name, value, value.length, 0)
}

/** Sets an attribute. A symbolic link at the end of `path` is not followed. */
export function setAttribute(path: string, name: string, value: Uint8Array): void {
  lsetxattr(path, name, value, value.length, 0)
}

/** All attributes of an open file, by name, in order. None where its file system has none. */
export function attributesOf(fd: number): Map<string, Buffer> {
  return new Map(names(fd).map((name) => [name, read(fd, name)]))
}

function names(fd: number): string[] {
  try {
    if (flistxattr(fd, null, 0) === 0) return [] // nearly always
    const list = Buffer.alloc(MOST)
    return list
      .toString('utf8', 0, flistxattr(fd, list, MOST))
      .split('\0')
      .filter(Boolean)
      .sort()
  } catch (error) {
    if ((error as { code?: string }).code === 'EOPNOTSUPP') return []
    throw error
  }
}

function read(fd: number, name: string): Buffer {
  const value = Buffer.alloc(MOST)
  return value.subarray(0, fgetxattr(fd, name, value, MOST))
}

/**
 * Where overlayfs's own attributes can be written in this folder: trusted.* takes CAP_SYS_ADMIN over the machine, and
 * root of a user namespace has it not. Tried, not guessed.
 */
export function attributeSpace(folder: string): AttributeSpace {
  const probe = mkdtempSync(join(folder, 'p-'))
  try {
    setAttribute(probe, 'trusted.workshop', Buffer.from('y'))
    return 'trusted'
  } catch {
    return 'user'
  } finally {
    rmdirSync(probe)
  }
}
