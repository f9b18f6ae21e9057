/*
 * An ordinary user for a lab, whose own programs all run as root. He is in the lab's copies of /etc/passwd, /etc/subuid
 * and /etc/subgid, and gone with it.
 */
import type { Lab } from '../labs.ts'
import { project } from '../spec.ts'
import { type Ids, type Range, single } from './ids.ts'

/** His numbers. The group is another than the user, so that no map can confuse the two unnoticed. */
export const UID = 4242
export const GID = 4343
/** What /etc/subuid and /etc/subgid grant him. */
const SUBUIDS = 200_000
const SUBGIDS = 300_000
const COUNT = 65536

/** Root inside is he outside, and there is nobody else. */
export const ALONE = single(UID, GID)

/** The same, and behind it the ids that he was granted. */
export const GRANTED: Ids = {
  uids: [...ALONE.uids, behind(SUBUIDS)],
  gids: [...ALONE.gids, behind(SUBGIDS)],
  setgroups: 'allow',
  by: 'newuidmap',
}

function behind(outside: number): Range {
  return { inside: 1, outside, count: COUNT }
}

/**
 * Makes him a user of a lab.
 *
 * @returns the program that runs another as him: setpriv(1)
 */
export async function addLearner(lab: Lab): Promise<string[]> {
  const { code, stderr } = await lab.exec(['sh', '-c', SCRIPT, 'sh', project])
  if (code !== 0) throw new Error(`the lab got no user: ${stderr}`)
  const environment = ['env', 'HOME=/run/learner', `NODE_COMPILE_CACHE=${CACHE}`]
  return ['setpriv', '--reuid', `${UID}`, '--regid', `${GID}`, '--clear-groups', '--', ...environment]
}

/** Node keeps what it compiled by user. He reads root's, or each of his containers would take twice as long. */
const CACHE = '/run/learner/cache'

/** At last, a clone in root's home: in the lab, everybody may pass through the folders above it. */
const SCRIPT = `
echo learner:x:${UID}:${GID}::/run/learner:/bin/sh >> /etc/passwd
echo learner:x:${GID}: >> /etc/group
echo learner:${SUBUIDS}:${COUNT} >> /etc/subuid
echo learner:${SUBGIDS}:${COUNT} >> /etc/subgid
mkdir -p ${CACHE} && chown ${UID}:${GID} /run/learner
for compiled in "$1"/.workshop/cache/*-0; do
  for user in 0 ${UID}; do ln -s "$compiled" "${CACHE}/$(basename "$compiled" 0)$user"; done
done
setpriv --reuid ${UID} --regid ${GID} --clear-groups test -r "$1/package.json" && exit
mkdir /run/clone && mount --rbind "$1" /run/clone
mount -t tmpfs -o mode=755 above "/$(echo "$1" | cut -d/ -f2)"
mkdir -p "$1" && mount --rbind /run/clone "$1"
`
