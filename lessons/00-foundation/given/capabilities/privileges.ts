/** What a container's processes may do to the kernel that all share. */
export interface Privileges {
  /** What root in the container has, by name without CAP_. */
  capabilities: string[]
  /** Those of them that were asked for by name. The starter must have them; a command that is not root gets them too. */
  asked: string[]
  /** Whose processes they are: `1000:1000`, or names from the image's /etc/passwd and /etc/group. Root unless given. */
  user?: string
  /** More groups for that user, by name or number. */
  groups: string[]
  /** May setuid programs and file capabilities give more than the command has? */
  newPrivileges: boolean
  /** Refuse the system calls that a container has no business with: filter.ts. */
  seccomp: boolean
  /** Cover the parts of /proc and /sys that know or change too much: covers.ts. */
  covers: boolean
}

/** The fourteen that Docker leaves a container: containerd's oci.DefaultSpec, moby's DefaultCapabilities. */
export const DEFAULT_CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FSETID',
  'FOWNER',
  'MKNOD',
  'NET_RAW',
  'SETGID',
  'SETUID',
  'SETFCAP',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'KILL',
  'AUDIT_WRITE',
]

export const PRIVILEGES: Privileges = {
  capabilities: DEFAULT_CAPABILITIES,
  asked: [],
  groups: [],
  newPrivileges: false,
  seccomp: true,
  covers: true,
}
