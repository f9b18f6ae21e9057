import type { Lesson } from '#given/lesson.ts'

export const lesson: Lesson = {
  name: 'chroot',
  title: 'Another root folder',
  minutes: [35],
  needs: [],
  tasks: [
    {
      id: '01.1',
      title: 'the libraries of a binary',
      hints: [
        'Type ldd /bin/ls and read it line by line: which lines name a file that you must copy?',
        'Every line with an absolute path counts, also the loader, which has no arrow. The vdso has no path: the kernel maps it. For a file that is no dynamic executable ldd exits with 1 and says so on standard error: catch that one, and throw all other errors on.',
        "output.split('\\n').flatMap((line) => line.match(/(?:=>\\s*)?(\\/\\S+)\\s+\\(0x/)?.[1] ?? [])",
      ],
    },
    {
      id: '01.2',
      title: 'build a jail',
      hints: [
        'Inside, the loader looks for each file under the same path as outside.',
        'For a binary and each of its libraries: mkdirSync of the folder with { recursive: true }, then copyFileSync, which follows links.',
        'const copy = join(jail, file)\nmkdirSync(dirname(copy), { recursive: true })\ncopyFileSync(file, copy)',
      ],
    },
    {
      id: '01.3',
      title: 'change the root',
      hints: [
        'One system call does it, and given/libc.ts has it.',
        'chroot(2), with the path that you get. Import it under another name, since the mechanism is called chroot already.',
        "import { chroot as changeRoot } from '#given/libc.ts'\nchangeRoot(rootfs)",
      ],
    },
    {
      id: '01.4',
      title: 'change the working directory too',
      hints: [
        'The root is new. Where does the process stand?',
        'chroot(2), DESCRIPTION: the call does not change the working directory. After it, the jail is called /.',
        "process.chdir('/')",
      ],
    },
    {
      id: '01.5',
      title: 'walk out of the jail',
      hints: [
        'The kernel stops `..` at one folder only: the root. What if you stand outside of it?',
        'A process has one root. Make a folder where you stand, chroot(2) into it, and do not move: now you stand above the root. Climb, then chroot again.',
        "mkdirSync('way-out', { recursive: true })\nchangeRoot('way-out')\nfor (let i = 0; i < 64; i++) process.chdir('..')\nchangeRoot('.')",
      ],
    },
  ],
  tour: {
    says: 'chroot(2), 1979: the process gets another root folder. What is not below it has\nno path any more.',
    looks: [
      { label: 'its system', command: '. /etc/os-release; echo "$ID"' },
      { label: 'files in /', command: 'ls / | wc -l' },
    ],
    but: "Processes, network and users are still the host's. And root walks out of it.",
  },
}
