import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensure } from '../../vm/tools.ts'

// The tools of others, as Debian packages them.

/** Each program, and its package. Docker's client is one of its own since Debian 13: a pattern may match nothing. */
const TOOLS = {
  skopeo: ['skopeo'],
  podman: ['podman'],
  buildah: ['buildah'],
  crun: ['crun'],
  runc: ['runc'],
  dockerd: ['docker.io'],
  docker: ["docker.io '?exact-name(docker-cli)'"],
}

/** What Debian's packages ask whether they may start their daemons: invoke-rc.d(8). 101 is no. */
const POLICY = '/usr/sbin/policy-rc.d'
const REFUSAL = '#!/bin/sh\nexit 101\n'

/**
 * Root on a Debian gets them installed, once. No daemon starts: apt-get runs in a mount namespace of its own, where the
 * one that is asked refuses. What the machine has in its place stays, and is there again at once.
 *
 * @throws {UsageError} with what to do, where they are missing and may not be installed
 */
export async function installTools(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'workshop-policy-'))
  const refusal = join(folder, 'policy-rc.d')
  const isNew = process.getuid?.() === 0 && !existsSync(POLICY)
  try {
    writeFileSync(refusal, REFUSAL, { mode: 0o755 })
    if (isNew) writeFileSync(POLICY, '') // to mount over; it cannot be executed, so nobody asks it
    await ensure(TOOLS, ['unshare', '--mount', 'sh', '-c', `mount --bind "$0" ${POLICY} && exec "$@"`, refusal])
  } finally {
    rmSync(folder, { recursive: true })
    if (isNew) rmSync(POLICY)
  }
}
