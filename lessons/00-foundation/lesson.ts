import type { Lesson } from '#given/lesson.ts'

export const lesson: Lesson = {
  name: 'foundation',
  title: 'What a container is made of',
  minutes: [20],
  needs: [],
  tasks: [
    {
      id: '00.1',
      title: 'getdomainname(2), a call of libc',
      hints: [
        'Node has no function for it. bind() in given/libc.ts makes one from the prototype in the man page.',
        'C writes into memory that you bring: pass a Uint8Array of 65 bytes, and its length. The name ends at the first 0 byte.',
        [
          "const getdomainnameC = bind('int getdomainname(char *name, size_t len)')",
          'const name = new Uint8Array(65)',
          'getdomainnameC(name, name.length)',
          'return new TextDecoder().decode(name.subarray(0, name.indexOf(0)))',
        ].join('\n'),
      ],
    },
    {
      id: '00.2',
      title: 'the namespaces of a process',
      hints: [
        'Look first: ls -l /proc/self/ns. Each name there is a symbolic link.',
        'List the folder with readdirSync, read each link with readlinkSync. Object.fromEntries makes pairs into a record.',
        [
          "const folder = '/proc/' + pid + '/ns'",
          "return Object.fromEntries(readdirSync(folder).map((name) => [name, readlinkSync(folder + '/' + name)]))",
        ].join('\n'),
      ],
    },
    {
      id: '00.3',
      title: 'which namespaces two processes share',
      hints: [
        'Two processes are in the same namespace when their links read the same.',
        'Ten links, eight namespaces: NAMESPACES in given/proc.ts has the eight. Filter it.',
        'return NAMESPACES.filter((kind) => namespaces(a)[kind] === namespaces(b)[kind])',
      ],
    },
  ],
}
