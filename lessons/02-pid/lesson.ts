import type { Lesson } from '#given/lesson.ts'

export const lesson: Lesson = {
  name: 'pid',
  title: 'Process number one',
  minutes: [35],
  needs: [],
  tasks: [
    {
      id: '02.1',
      title: 'a pid namespace',
      hints: [
        'Nothing to call: you ask for it when the process is made.',
        'clone(2) makes the namespace if the flag is set: `flags` of the mechanism goes there.',
        'flags: CLONE_NEWPID,',
      ],
    },
    {
      id: '02.2',
      title: 'all the numbers of one process',
      hints: [
        'The kernel prints them in /proc/<pid>/status. Look: grep NSpid /proc/self/status',
        'status() of #given/proc.ts gives you the text of one line. A tab stands between the numbers.',
        "return status(hostPid, 'NSpid')?.split('\\t').map(Number) ?? []",
      ],
    },
    {
      id: '02.3',
      title: 'reap: an init waits for its orphans',
      hints: [
        'A zombie is an exit code that waits for its reader. Read all that are there, and never wait for one that runs.',
        'waitpid(-1, WNOHANG) until it returns undefined: three children may end and you hear one SIGCHLD. No children at all is the error ECHILD, and it is not an error here.',
        [
          'try {',
          '  for (let ended = waitpid(-1, WNOHANG); ended; ended = waitpid(-1, WNOHANG)) {',
          '    codes.set(ended.pid, exitCode(ended.status))',
          '  }',
          '} catch (error) {',
          "  if ((error as { code?: string }).code !== 'ECHILD') throw error",
          '}',
        ].join('\n'),
      ],
    },
    {
      id: '02.4',
      title: 'forward: an init passes signals on',
      hints: [
        'A process can catch a signal and send another one of the same number.',
        'process.on(name, handler) catches it, and kill(2) sends it. Numbers by name: constants.signals of node:os.',
        'for (const name of FORWARDED) process.on(name, () => kill(child, constants.signals[name]))',
      ],
    },
  ],
  tour: {
    says: 'A pid namespace numbers processes anew. The first one in it is number 1, and\nwhen it ends, the kernel kills all the others.',
    looks: [{ label: 'my own number', command: 'echo $$' }],
    but: 'ps(1) would not know: it reads /proc, and there is none in this jail yet.',
  },
}
