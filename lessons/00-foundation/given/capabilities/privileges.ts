/** What the command may do: its capabilities, by name without CAP_. */
export interface Privileges {
  capabilities: string[]
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

export const PRIVILEGES: Privileges = { capabilities: DEFAULT_CAPABILITIES }
