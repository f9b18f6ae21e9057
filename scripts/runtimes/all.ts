import { box } from './box.ts'
import { containerd } from './containerd.ts'
import { docker } from './docker.ts'
import { lxc } from './lxc.ts'
import { nspawn } from './nspawn.ts'
import { crun, runc } from './oci.ts'
import { podman } from './podman.ts'
import type { Runtime } from './runtime.ts'

/** The columns of the comparison, in order: by age, and ours last. */
export const RUNTIMES: Runtime[] = [lxc, nspawn, docker, containerd, podman, runc, crun, box]
