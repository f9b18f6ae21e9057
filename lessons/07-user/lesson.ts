import type { Lesson } from '#given/lesson.ts'

export const lesson: Lesson = {
  name: 'user',
  title: 'A root of its own',
  minutes: [40],
  needs: [],
  tasks: [
    {
      id: '07.1',
      title: 'a user namespace',
      hints: [
        'As with every namespace so far: you ask for it when the process is made.',
        'clone(2) makes the namespace if the flag is set. This is the one that needs no root.',
        'flags: CLONE_NEWUSER,',
      ],
    },
    {
      id: '07.2',
      title: 'a line of a map',
      hints: [
        'Three numbers. Which comes first, inside or outside?',
        'user_namespaces(7), "Defining user and group ID mappings": inside, outside, length, with spaces between.',
        `return \`\${inside} \${outside} \${count}\``,
      ],
    },
    {
      id: '07.3',
      title: 'the maps of a child',
      hints: [
        'Three files in /proc/<pid>, and each may be written once. The order matters for two of them.',
        'writeFileSync: setgroups, and only then gid_map and uid_map. A map with several ranges has a line for each, in one write.',
        "const write = (file: string, text: string) => writeFileSync('/proc/' + pid + '/' + file, text)\nwrite('setgroups', setgroups)\nwrite('gid_map', gids.map(mapLine).join('\\n'))\nwrite('uid_map', uids.map(mapLine).join('\\n'))",
      ],
    },
    {
      id: '07.4',
      title: 'become root',
      hints: [
        'The maps say who 0 is; they make nobody 0. And the caller may be in supplementary groups.',
        'Return a list of calls, each a name and its arguments: setgroups(2) with an empty list, setresgid(2), setresuid(2).',
        "return [\n  ['setgroups', 0, 0],\n  ['setresgid', 0, 0, 0],\n  ['setresuid', 0, 0, 0],\n]",
      ],
    },
  ],
  tour: {
    says: 'A user namespace has users of its own. Its root is an ordinary user of the host,\nand root only over what belongs to the namespace.',
    looks: [
      { label: 'user 0 is outside', command: "awk '{ print $2 }' /proc/self/uid_map" },
      { label: 'touch /run/x', command: 'touch /run/x 2> /dev/null && echo works || echo refused' },
    ],
    but: 'But it takes as much memory and time as it likes: lesson 08.',
  },
}
