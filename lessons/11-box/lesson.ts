import type { Lesson } from '#given/lesson.ts'

export const lesson: Lesson = {
  name: 'box',
  title: 'The finished tool',
  minutes: [30],
  needs: [],
  tasks: [
    {
      id: '11.1',
      title: 'enter the namespaces of a process',
      hints: [
        'Each of them is a file in /proc/<pid>/ns. What does nsenter(1) do with it?',
        'Open the files of all names, and only then call setns(2) for each, in the order of the names. 0 for nstype takes any kind.',
        `const files = namespaces.map((name) => openSync(\`/proc/\${pid}/ns/\${name}\`, 'r'))\nfor (const file of files) setns(file, 0)\nfor (const file of files) closeSync(file)`,
      ],
    },
    {
      id: '11.2',
      title: 'the mount namespace, which a thread cannot enter in company',
      hints: [
        'setns(2), "Mount namespaces": what may the caller not share with others? Node has several threads.',
        'unshare(2) with CLONE_FS gives this thread a root and a working directory of its own.',
        'unshare(CLONE_FS)',
      ],
    },
    {
      id: '11.3',
      title: 'a terminal as large as yours',
      hints: [
        'stty size asks the kernel. Which call does strace stty size show?',
        'ioctl(2) with TIOCGWINSZ reads a struct winsize, four unsigned shorts, and TIOCSWINSZ writes one.',
        'const winsize = new Uint16Array(4)\nioctl(from, TIOCGWINSZ, winsize)\nioctl(to, TIOCSWINSZ, winsize)',
      ],
    },
  ],
}
