import type { Lesson } from '#given/lesson.ts'

export const lesson: Lesson = {
  name: 'ipc',
  title: 'Memory and messages of its own',
  minutes: [20],
  needs: [],
  tasks: [
    {
      id: '05.1',
      title: 'an IPC namespace',
      hints: [
        'As with the host name and the process numbers: you ask for it when the process is made.',
        'clone(2) makes the namespace if the flag is set: `flags` of the mechanism goes there.',
        'flags: CLONE_NEWIPC,',
      ],
    },
    {
      id: '05.2',
      title: 'mount the queues',
      hints: [
        'POSIX message queues are files of a file system, mqueue. Which one shows the queues of the container?',
        'Make /dev/mqueue, and mount a new mqueue there. But only where `mechanisms` has "mount": without a mount namespace of its own you would mount on the host.',
        "if (!mechanisms.includes('mount')) return\nmkdir('/dev/mqueue', 0o755)\nmount('mqueue', '/dev/mqueue', 'mqueue', MS_NOSUID | MS_NODEV | MS_NOEXEC, null)",
      ],
    },
    {
      id: '05.3',
      title: 'shared memory by its key',
      hints: [
        'One call finds a segment by its key and, if you say so, makes it where there is none.',
        'Bind shmget(2) by its prototype. Its flags are IPC_CREAT, 01000 in octal, and the permissions as for a file.',
        "const shmget = bind('int shmget(key_t key, size_t size, int shmflg)')\nreturn shmget(key, size, 0o1000 | 0o600)",
      ],
    },
  ],
  tour: {
    says: 'System V memory, semaphores and queues have a key instead of a path, and POSIX\nqueues a name. An IPC namespace has its own of each.',
    prepare: 'ipcmk --shmem 4096',
    looks: [{ label: 'segments', command: 'ipcs --shmems | grep -c ^0x' }],
    but: 'But two servers cannot have one port: all share one network.',
  },
}
