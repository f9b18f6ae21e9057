import { bind, CLONE_NEWUTS, sethostname } from '#given/libc.ts'
import type { Mechanism } from '#given/mechanism.ts'

const setdomainname = bind('int setdomainname(const char *name, size_t len)')

/** A host name and an NIS domain name of its own: uts_namespaces(7). */
export const uts: Mechanism = {
  name: 'uts',
  flags: CLONE_NEWUTS,
  inside({ hostname, domainname }) {
    sethostname(hostname)
    setdomainname(domainname, Buffer.byteLength(domainname)) // len counts bytes
  },
}
