import { bind, CLONE_NEWUTS, sethostname } from '#given/libc.ts'
import { type Mechanism, notWritten } from '#given/mechanism.ts'

/** A host name and an NIS domain name of its own: uts_namespaces(7). */
export const uts: Mechanism = {
  name: 'uts',
  flags: 0, // 04.2, and not before: first see whose name changes
  inside({ hostname, domainname }) {
    notWritten('04.1 sethostname(2)')
    notWritten('04.3 setdomainname(2)')
  },
}
